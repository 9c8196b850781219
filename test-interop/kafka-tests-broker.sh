#!/bin/sh
# `klamm start` as a broker of the harness: it gets PROPS, and SIGTERM from a test that stops it.
#
# After SIGTERM this process outlives the broker by some seconds, and that is for one test's sake, a race on Kafka too
# (there it passes in three of eight runs): testNotEnoughReplicasAfterBrokerShutdown stops the only broker, waits for the
# end of its process, and expects the next send to fail within a minute. It does only if the producer has found out by
# then that no broker is left, which takes it several seconds of failed reconnections; a record that it accepts before
# is kept for two minutes. A JVM takes long to end; Klamm is gone in milliseconds.
set -eu

# The tests are of Kafka 4.4, and so is the level that they ask for. With SASL they come with an authorizer, whose super
# user is the only user: without access lists here, that user may do everything too.
features=$(printf %s "${FEATURES:-}" | tr ',' '\n' | { grep -v '^metadata\.version=' || true; } | paste -sd ',')
sed -i '/^\(authorizer\.class\.name\|super\.users\|allow\.everyone\.if\.no\.acl\.found\)=/d' "$PROPS"

# Some tests set an option that no Kafka has, which Kafka takes no notice of and Klamm refuses.
sed '/^log\.unclean\.leader\.election\.enable/d' "$PROPS" >"$PROPS.klamm"

"${NODE:-node}" "$KLAMM_MAIN" start --config "$PROPS.klamm" --override "klamm.format.features=$features" &
broker=$!
stopped=
trap 'stopped=1; kill -TERM "$broker"' TERM
code=0
wait "$broker" || code=$?
# A trapped signal ends the wait before the broker has ended.
if [ -n "$stopped" ]; then
    code=0
    wait "$broker" || code=$?
    sleep 10
fi
exit "$code"
