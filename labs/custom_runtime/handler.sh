# The function: says who answered, in the names that poster reads, and fails when it is told to.
# Read by the bootstrap at init, so a process keeps its INSTANCE for as long as it lives.

read -r INSTANCE < /proc/sys/kernel/random/uuid
echo "init of $INSTANCE" >&2

handler() {
  echo "call of $INSTANCE" >&2
  if [[ "$1" == *'"fail"'* ]]; then
    echo "told to fail" >&2
    return 3
  fi
  local microseconds="${EPOCHREALTIME/[.,]/}"
  printf '{"message":"ok","marker":"%s","functionVersion":"%s","instanceId":"%s"' \
    "$VARIANT" "${AWS_LAMBDA_FUNCTION_VERSION:-}" "$INSTANCE"
  printf ',"coldStart":%s,"createdAt":%s,"event":%s}' "$COLD_START" "$((microseconds / 1000))" "$1"
}
