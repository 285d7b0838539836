#!/bin/sh
# ticking.sh TEXT COMMAND…: run a command that prints nothing, and show that it is still at work: the seconds so far,
# redrawn at a terminal, a line every ten seconds elsewhere. The exit code is the command's.
text=$1
shift
start=$(date +%s)
tick() {
  while sleep 1; do
    passed=$(($(date +%s) - start))
    if [ -t 1 ]; then
      printf '\r%s … %s s ' "$text" "$passed"
    elif [ $((passed % 10)) -eq 0 ]; then
      echo "  … ${passed} s"
    fi
  done
}
if [ -t 1 ]; then printf '%s …' "$text"; else echo "$text …"; fi
# The ticker is in the background, so that Ctrl-C reaches the command.
tick &
ticker=$!
trap 'kill "$ticker" 2>/dev/null' EXIT
trap 'exit 130' INT TERM
"$@"
code=$?
kill "$ticker" 2>/dev/null
wait "$ticker" 2>/dev/null
if [ -t 1 ]; then
  [ "$code" -eq 0 ] && printf '\r%s: done in %s s.   \n' "$text" "$(($(date +%s) - start))" || printf '\n'
fi
exit "$code"
