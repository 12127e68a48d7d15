#!/usr/bin/env bash
# What action.yml does: note the version, run the deploy command, wait, tell GitHub how it ended.
# Inputs come as INPUT_* variables, never as text in a script: a branch's name is somebody else's.
set -uo pipefail

target=() wanted=() was=()
given() { # given ARRAY NAME: add --NAME VALUE where the input is not empty
  local -n into=$1
  local variable=INPUT_${2^^}
  variable=${variable//-/_}
  [ -z "${!variable:-}" ] || into+=("--$2" "${!variable}")
}
for name in stack-name function-name alias region; do given target "$name"; done
for name in endpoint expect was; do given wanted "$name"; done
mapfile -t further < <(xargs -n 1 <<<"${INPUT_ARGUMENTS:-}") # words, quoted as in a shell; none is run

escaped() { sed -e 's/%/%25/g' -e 's/\r/%0D/g' <<<"$1" | sed -e ':a;N;$!ba;s/\n/%0A/g'; }
fail() { echo "::error title=poster::$(escaped "$2")"; exit "$1"; }

if [ -n "${INPUT_COMMAND:-}" ]; then
  if [ -n "${INPUT_STACK_NAME:-}${INPUT_ALIAS:-}" ] && [ -z "${INPUT_WAS:-}" ]; then
    version=$(poster wait "${target[@]}" --print-version) || fail $? "the version before the deploy cannot be read"
    was=(--was "$version")
  fi
  bash -euo pipefail -c "$INPUT_COMMAND" || fail $? "the deploy command failed"
fi

said=$(poster wait -q --format json "${target[@]}" "${wanted[@]}" "${was[@]}" "${further[@]}")
code=$?
field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1] or "{}").get(sys.argv[2]) or "")' "$said" "$1"; }
outcome=$(field outcome) sentence=$(field sentence) error=$(field error) safe_after=$(field waited_s)
version=$(python3 -c 'import json, sys; print((json.loads(sys.argv[1] or "{}").get("expected") or {}).get("version") or "")' "$said")
{
  echo "version=$version"
  echo "safe-after=$safe_after"
  echo "verdict=$outcome"
} >>"$GITHUB_OUTPUT"
{
  echo "### Callers get the new version: ${outcome:-cannot be said}"
  echo
  sed -e 's/[<>&|*_`@#]/\\&/g' <<<"${sentence:-$error}"
} >>"$GITHUB_STEP_SUMMARY"
[ "$code" = 0 ] || fail "$code" "${error:-${sentence:-poster wait ended with $code}}"
[ "$outcome" != nothing-to-wait-for ] || echo "::warning title=poster::$(escaped "$sentence")"
