#!/usr/bin/env bash
# What action.yml does: run the deploy command under calls, wait, tell GitHub how it ended.
# Inputs come as INPUT_* variables, never as text in a script: a branch's name is somebody else's.
set -uo pipefail

function=() stack=() url=() region=() source=() wanted=()
given() { # given ARRAY NAME: add --NAME VALUE where the input is not empty
  local -n into=$1
  local variable=INPUT_${2^^}
  variable=${variable//-/_}
  [ -z "${!variable:-}" ] || into+=("--$2" "${!variable}")
}
for name in function-name alias; do given function "$name"; done
given stack stack-name
given region region
given url endpoint
given source version-from
for name in expect was; do given wanted "$name"; done
# Words, quoted as in a shell; none is run.
mapfile -t around < <(xargs -r -n 1 <<<"${INPUT_RUN_ARGUMENTS:-}")
mapfile -t further < <(xargs -r -n 1 <<<"${INPUT_ARGUMENTS:-}")

escaped() { sed -e 's/%/%25/g' -e 's/\r/%0D/g' <<<"$1" | sed -e ':a;N;$!ba;s/\n/%0A/g'; }
fail() { echo "::error title=poster::$(escaped "$2")"; exit "$1"; }
warn() { echo "::warning title=poster::$(escaped "$1")"; }
# read_json JSON EXPRESSION...: one line for each expression over the object `it`, empty for null
read_json() {
  python3 -c '
import json, sys
it = json.loads(sys.argv[1] or "{}")
for expression in sys.argv[2:]:
    found = eval(expression)
    print("" if found is None else str(found).replace("\n", " "))
' "$@"
}
tell() { echo "$1=$2" >>"$GITHUB_OUTPUT"; }
summary() { sed -e 's/[<>&|*_`@#]/\\&/g' <<<"$1" >>"$GITHUB_STEP_SUMMARY"; }

verdict='' safe_after='' new='' was=()
if [ -n "${INPUT_COMMAND:-}" ]; then
  if [ ${#stack[@]} -gt 0 ] || [ -n "${INPUT_ALIAS:-}" ]; then
    if [ -z "${INPUT_WAS:-}" ]; then
      version=$(poster wait "${stack[@]}" "${function[@]}" "${region[@]}" --print-version) ||
        fail $? "the version before the deploy cannot be read"
      was=(--was "$version")
    fi
  fi
  deploy=(bash -euo pipefail -c "$INPUT_COMMAND")
  if [ ${#url[@]} -gt 0 ] || [ ${#stack[@]} -gt 0 ]; then
    called=("${url[@]}")
    [ ${#url[@]} -gt 0 ] || called=("${stack[@]}")
    report=$(poster run --format json --out "$RUNNER_TEMP/poster-run" \
      "${called[@]}" "${function[@]}" "${region[@]}" "${source[@]}" "${around[@]}" -- "${deploy[@]}")
    code=$?
    mapfile -t said < <(read_json "$report" 'it.get("verdict")' 'it.get("witness")' \
      'it.get("safe", {}).get("s")' '(it.get("transitions") or [{}])[-1].get("to")')
    verdict=${said[0]} safe_after=${said[2]} new=${said[3]}
    tell verdict "$verdict"
    tell version "$new"
    tell safe-after "$safe_after"
    summary "Callers of the deploy: ${verdict:-cannot be said}. ${said[1]}"
    case $code in
      0) ;;
      3) warn "the calls around the deploy cannot tell: ${said[1]}" ;; # the wait decides
      4) fail 4 "the deploy command failed" ;;
      *) fail "$code" "${said[1]:-poster run ended with $code}" ;;
    esac
  else
    "${deploy[@]}" || fail $? "the deploy command failed"
  fi
fi
if [ -n "$verdict" ] && [ ${#stack[@]} -eq 0 ] && [ ${#function[@]} -eq 0 ] && [ -z "${INPUT_EXPECT:-}" ]; then
  [ ${#further[@]} -gt 0 ] || exit 0 # nothing follows, and nobody else says what is to come
  if [[ $new =~ ^[0-9]+$ ]]; then wanted+=(--expect "$new"); else wanted+=(--marker "$new"); fi
fi

said=$(poster wait -q --format json "${stack[@]}" "${function[@]}" "${region[@]}" "${url[@]}" \
  "${source[@]}" "${wanted[@]}" "${was[@]}" "${further[@]}")
code=$?
mapfile -t said < <(read_json "$said" 'it.get("outcome")' 'it.get("sentence")' 'it.get("error")' \
  'it.get("waited_s")' '(it.get("expected") or [{}])[0].get("version")')
outcome=${said[0]} sentence=${said[1]} error=${said[2]}
tell version "${said[4]:-$new}"
[ -n "$safe_after" ] || tell safe-after "${said[3]}"
[ -n "$verdict" ] || tell verdict "$outcome"
tell outcome "$outcome"
summary "Callers get the new version: ${outcome:-cannot be said}. ${sentence:-$error}"
[ "$code" = 0 ] || fail "$code" "${error:-${sentence:-poster wait ended with $code}}"
[ "$outcome" != nothing-to-wait-for ] || warn "$sentence"
