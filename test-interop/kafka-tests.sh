#!/bin/sh
# Runs Apache Kafka's own integration tests, bytecode unmodified, against this Klamm (or, BROKER=kafka, against Kafka).
#
#   ./kafka-tests.sh LIST [RESULTS]
#
# LIST holds lines of the harness's baseline/meaningful.txt; RESULTS receives one tab-separated line for each test. The
# harness is a folder beside the project (KAFKA_TESTS_DIR says another place); it builds and writes beside itself, so a
# copy is used: the built one is kept in the cache, the run gets a folder of its own. Exit code 66: no harness here.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
harness=${KAFKA_TESTS_DIR:-$here/../../shared/kafka-tests}
cache=${KLAMM_CACHE:-$HOME/.cache/klamm-interop}
list=$(realpath "$1")
results=$(realpath -m "${2:-kafka-tests-results.tsv}")

if [ ! -f "$harness/run.sh" ]; then
    echo "no harness of Kafka's tests at $harness: set KAFKA_TESTS_DIR to run them" >&2
    exit 66
fi

# A change of the harness is another version of it.
version=$(sed -n 's:.*<kv>\(.*\)</kv>.*:\1:p' "$harness/pom.xml")
digest=$(cd "$harness" && find . -type f \( -name '*.java' -o -name '*.sh' -o -name pom.xml \) -exec sha256sum {} + | sort | sha256sum | cut -c1-12)
built=$cache/kafka-tests-$version-$digest
if [ ! -d "$built" ]; then
    echo "making $built" >&2
    mkdir -p "$cache"
    rm -rf "$built.making-$$"
    cp -R "$harness" "$built.making-$$"
    chmod -R u+w "$built.making-$$"
    (cd "$built.making-$$" && ./build.sh >&2 && sed -i "s#$built.making-$$#$built#g" build/broker.cp)
    mv "$built.making-$$" "$built"
fi

# Only built, so that several runs at once find it there.
[ "${ONLY_BUILD:-0}" = 1 ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

case ${BROKER:-klamm} in
kafka) command="$built/peers/kafka/start.sh" ;;
*)
    export KLAMM_MAIN="${KLAMM_MAIN:-$here/../dist/src/cli/main.js}"
    command="'$here/kafka-tests-broker.sh'"
    ;;
esac

# The classes that the list names, so that the run does not look through all the others.
classes=$(sed 's/\.[A-Za-z0-9_]* .*//' "$list" | sort -u | sed 's/\./\\./g' | paste -sd '|')
cd "$built"
code=0
RUN_LIST=$list SHRINK=1 WORK=$work RESULTS=$results ./run.sh "$command" "^($classes)\$" >&2 || code=$?
if [ "$code" != 0 ] || [ "${KEEP_LOGS:-0}" = 1 ]; then
    # What the brokers of a failed run said, beside the results.
    for log in "$work"/*/broker*.log; do
        [ -f "$log" ] || continue
        echo "== $(basename "$(dirname "$log")")/$(basename "$log")" && tail -n 40 "$log"
    done >"$results.brokers"
fi
exit "$code"
