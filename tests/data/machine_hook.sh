#!/bin/sh
# Starts and stops machines that are processes (machine.py), in the folder that this file is in. `NAME.VERB`
# there, if it exists, is run first: it may fail, hang or lie. What must not happen stands in `faults`
# afterwards: two starts under two keys at a time, a stop with users on the machine.
D=${0%/*}
N=$HAS_SERVER
cd "$D" || exit 1

say() { echo "$1 $HAS_VERB $N $HAS_ID $HAS_ATTEMPT" >>calls; }
lives() { [ -s "$N.pid" ] && read -r pid <"$N.pid" && [ -e "/proc/$pid/cwd" ]; }
# Boots it, and whoever calls need not wait.
boot() {
    exec 9>"$N.lock"
    flock 9
    if lives; then
        read -r id <"$N.id"
        [ "$id" = "$HAS_ID" ] || echo "$N: started as $HAS_ID while it runs as $id" >>faults
    else
        echo "$HAS_ID" >"$N.id"
        read -r settings <"$N.settings"
        # shellcheck disable=SC2086
        setsid python3 -I -S machine.py "$N" "$HAS_PORT" $settings >/dev/null 2>&1 </dev/null 9>&- &
        echo $! >"$N.pid"
    fi
    exec 9>&-
}
halt() {
    exec 9>"$N.lock"
    flock 9
    if lives; then
        kill "$pid"
        while [ -e "/proc/$pid/cwd" ]; do sleep 0.02; done
    fi
    rm -f "$N.pid"
    exec 9>&-
}

say begin
if [ "$1" = start ]; then
    for other in "$N".under-way.*; do
        [ -e "$other" ] && [ "$other" != "$N.under-way.$HAS_ID" ] && read -r pid <"$other" &&
            [ -e "/proc/$pid/cwd" ] && echo "$N: started as $HAS_ID beside $other" >>faults
    done
    echo $$ >"$N.under-way.$HAS_ID"
fi
# shellcheck disable=SC1090
[ -e "$N.$1" ] && . "./$N.$1"
case $1 in
start) boot ;;
stop) halt ;;
status) lives || { say off; exit 2; } ;;
list)
    for file in *.pid; do
        N=${file%.pid}
        lives && echo "{\"machine\":\"$N\",\"state\":\"on\"}"
    done
    ;;
*) exit 78 ;;
esac
say end
exit 0
