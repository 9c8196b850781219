/**
 * Broker options of security. Their parts are not there yet, save what refuses to start without them.
 * Names, types, defaults and ranges are Kafka's; a test compares them with what Apache Kafka 4.3 reports.
 */
import {
  atLeast,
  between,
  boolean,
  double,
  int,
  javaClass,
  list,
  long,
  type Option,
  oneOf,
  oneOfAnyCase,
  password,
  short,
  string,
} from './option.ts'

export const BROKER_SECURITY_CONFIGS: readonly Option[] = [
  string(
    'authorizer.class.name',
    '',
    "The class that decides who may do what; only Kafka's own StandardAuthorizer will be known.",
    { effect: 'later' },
  ),
  javaClass(
    'principal.builder.class',
    'org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder',
    'A Java class that names principals; cannot be loaded here.',
    { update: 'per-broker', effect: 'none' },
  ),
  long(
    'delegation.token.expiry.check.interval.ms',
    3_600_000,
    'How often expired delegation tokens are removed.',
    { check: atLeast(1), effect: 'later' },
  ),
  long(
    'delegation.token.expiry.time.ms',
    86_400_000,
    'How long a delegation token is valid unless it is renewed.',
    { check: atLeast(1), effect: 'later' },
  ),
  long(
    'delegation.token.max.lifetime.ms',
    604_800_000,
    'How long a delegation token can be renewed at most.',
    { check: atLeast(1), effect: 'later' },
  ),
  password(
    'delegation.token.secret.key',
    'The secret that delegation tokens are made with; without it there are none.',
    { effect: 'later' },
  ),
  javaClass(
    'sasl.client.callback.handler.class',
    null,
    "A Java class that answers a SASL client's questions; cannot be loaded here.",
    { effect: 'later' },
  ),
  list('sasl.enabled.mechanisms', 'GSSAPI', 'SASL mechanisms that clients may use.', {
    update: 'per-broker',
  }),
  password('sasl.jaas.config', 'Login modules and their settings, in JAAS form.', {
    update: 'per-broker',
  }),
  string('sasl.kerberos.kinit.cmd', '/usr/bin/kinit', 'The path of kinit.', {
    update: 'per-broker',
    effect: 'later',
  }),
  long('sasl.kerberos.min.time.before.relogin', 60_000, 'Least time between two Kerberos logins.', {
    update: 'per-broker',
    effect: 'later',
  }),
  list('sasl.kerberos.principal.to.local.rules', 'DEFAULT', 'How Kerberos principals become short names.', {
    update: 'per-broker',
    effect: 'later',
  }),
  string('sasl.kerberos.service.name', null, 'The Kerberos name that the brokers run under.', {
    update: 'per-broker',
    effect: 'later',
  }),
  double(
    'sasl.kerberos.ticket.renew.jitter',
    '0.05',
    'Share of the Kerberos renewal time that is left to chance.',
    { update: 'per-broker', effect: 'later' },
  ),
  double(
    'sasl.kerberos.ticket.renew.window.factor',
    '0.8',
    "Share of a Kerberos ticket's life after which it is renewed.",
    { update: 'per-broker', effect: 'later' },
  ),
  javaClass(
    'sasl.login.callback.handler.class',
    null,
    "A Java class that answers a SASL login's questions; cannot be loaded here.",
    { effect: 'later' },
  ),
  javaClass('sasl.login.class', null, 'A Java class that logs in; cannot be loaded here.', {
    effect: 'later',
  }),
  int('sasl.login.connect.timeout.ms', null, 'How long connecting to an identity provider may take.', {
    effect: 'later',
  }),
  int('sasl.login.read.timeout.ms', null, 'How long reading from an identity provider may take.', {
    effect: 'later',
  }),
  short(
    'sasl.login.refresh.buffer.seconds',
    300,
    'How long before its end a credential is renewed at the latest.',
    { update: 'per-broker', effect: 'later' },
  ),
  short('sasl.login.refresh.min.period.seconds', 60, 'Least time between two renewals of a credential.', {
    update: 'per-broker',
    effect: 'later',
  }),
  double(
    'sasl.login.refresh.window.factor',
    '0.8',
    "Share of a credential's life after which it is renewed.",
    { update: 'per-broker', effect: 'later' },
  ),
  double('sasl.login.refresh.window.jitter', '0.05', 'Share of the renewal time that is left to chance.', {
    update: 'per-broker',
    effect: 'later',
  }),
  long(
    'sasl.login.retry.backoff.max.ms',
    10_000,
    'Longest pause between attempts to reach an identity provider.',
    { effect: 'later' },
  ),
  long('sasl.login.retry.backoff.ms', 100, 'First pause between attempts to reach an identity provider.', {
    effect: 'later',
  }),
  string('sasl.mechanism.controller.protocol', 'GSSAPI', 'SASL mechanism towards controllers.', {
    effect: 'later',
  }),
  string('sasl.mechanism.inter.broker.protocol', 'GSSAPI', 'SASL mechanism among brokers.', {
    update: 'per-broker',
    effect: 'later',
  }),
  string('sasl.oauthbearer.assertion.algorithm', 'RS256', 'Signature of client assertions.', {
    check: oneOfAnyCase('ES256', 'RS256'),
    effect: 'later',
  }),
  string('sasl.oauthbearer.assertion.claim.aud', null, 'Audience that client assertions claim.', {
    effect: 'later',
  }),
  int('sasl.oauthbearer.assertion.claim.exp.seconds', 300, 'Life of a client assertion.', {
    check: between(0, 86_400),
    effect: 'later',
  }),
  string('sasl.oauthbearer.assertion.claim.iss', null, 'Issuer that client assertions claim.', {
    effect: 'later',
  }),
  boolean('sasl.oauthbearer.assertion.claim.jti.include', false, 'Whether client assertions carry an id.', {
    effect: 'later',
  }),
  int('sasl.oauthbearer.assertion.claim.nbf.seconds', 60, 'How far back a client assertion is valid.', {
    check: between(0, 3600),
    effect: 'later',
  }),
  string('sasl.oauthbearer.assertion.claim.sub', null, 'Subject that client assertions claim.', {
    effect: 'later',
  }),
  string('sasl.oauthbearer.assertion.file', null, 'A file with a ready client assertion.', {
    effect: 'later',
  }),
  string(
    'sasl.oauthbearer.assertion.private.key.file',
    null,
    'The key file that client assertions are signed with.',
    { effect: 'later' },
  ),
  password('sasl.oauthbearer.assertion.private.key.passphrase', 'The passphrase of that key.', {
    effect: 'later',
  }),
  string('sasl.oauthbearer.assertion.template.file', null, 'A file with claims for client assertions.', {
    effect: 'later',
  }),
  string('sasl.oauthbearer.client.credentials.client.id', null, 'Client id towards the identity provider.', {
    effect: 'later',
  }),
  password(
    'sasl.oauthbearer.client.credentials.client.secret',
    'Client secret towards the identity provider.',
    { effect: 'later' },
  ),
  int(
    'sasl.oauthbearer.clock.skew.seconds',
    30,
    'How far the clocks of broker and identity provider may differ.',
    { effect: 'later' },
  ),
  list('sasl.oauthbearer.expected.audience', '', 'Audiences of which a token must name one.', {
    effect: 'later',
  }),
  string('sasl.oauthbearer.expected.issuer', null, 'The issuer that tokens must name.', { effect: 'later' }),
  long(
    'sasl.oauthbearer.jwks.endpoint.refresh.ms',
    3_600_000,
    "How often the identity provider's keys are fetched.",
    { effect: 'later' },
  ),
  long(
    'sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms',
    10_000,
    'Longest pause between attempts to fetch keys.',
    { effect: 'later' },
  ),
  long(
    'sasl.oauthbearer.jwks.endpoint.retry.backoff.ms',
    100,
    'First pause between attempts to fetch keys.',
    { effect: 'later' },
  ),
  string('sasl.oauthbearer.jwks.endpoint.url', null, "Where the identity provider's keys are found.", {
    effect: 'later',
  }),
  javaClass(
    'sasl.oauthbearer.jwt.retriever.class',
    'org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever',
    'A Java class that gets tokens; cannot be loaded here.',
    { effect: 'later' },
  ),
  javaClass(
    'sasl.oauthbearer.jwt.validator.class',
    'org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator',
    'A Java class that judges tokens; cannot be loaded here.',
    { effect: 'later' },
  ),
  string('sasl.oauthbearer.scope', null, 'Scope that is asked for.', { effect: 'later' }),
  string('sasl.oauthbearer.scope.claim.name', 'scope', 'The claim of a token that holds its scope.', {
    effect: 'later',
  }),
  string('sasl.oauthbearer.sub.claim.name', 'sub', 'The claim of a token that holds its subject.', {
    effect: 'later',
  }),
  string('sasl.oauthbearer.token.endpoint.url', null, 'Where tokens are got.', { effect: 'later' }),
  javaClass(
    'sasl.server.callback.handler.class',
    null,
    "A Java class that answers a SASL server's questions; cannot be loaded here.",
    { effect: 'later' },
  ),
  int('sasl.server.max.receive.size', 524_288, 'Largest message of a SASL handshake.'),
  string('security.providers', null, 'Java security providers; cannot be loaded here.', { effect: 'later' }),
  boolean('ssl.allow.dn.changes', false, 'Whether a new certificate may have another distinguished name.', {
    effect: 'later',
  }),
  boolean(
    'ssl.allow.san.changes',
    false,
    'Whether a new certificate may lack alternative names of the old one.',
    { effect: 'later' },
  ),
  list('ssl.cipher.suites', '', 'Cipher suites that may be used; empty for all that are safe.', {
    update: 'per-broker',
  }),
  string('ssl.client.auth', 'none', 'Whether clients must show a certificate.', {
    check: oneOf('required', 'requested', 'none'),
    update: 'per-broker',
  }),
  list('ssl.enabled.protocols', 'TLSv1.2,TLSv1.3', 'TLS versions that may be used.', {
    update: 'per-broker',
  }),
  string(
    'ssl.endpoint.identification.algorithm',
    'https',
    "How a peer's name is checked against its certificate; empty for not at all.",
    { update: 'per-broker', effect: 'later' },
  ),
  javaClass('ssl.engine.factory.class', null, 'A Java class that makes TLS engines; cannot be loaded here.', {
    update: 'per-broker',
    effect: 'later',
  }),
  password('ssl.key.password', 'The password of the private key.', { update: 'per-broker' }),
  string('ssl.keymanager.algorithm', 'SunX509', "A Java key manager's algorithm; without meaning here.", {
    update: 'per-broker',
    effect: 'later',
  }),
  password('ssl.keystore.certificate.chain', 'The certificate chain, as PEM text.', {
    update: 'per-broker',
  }),
  password('ssl.keystore.key', 'The private key, as PEM text.', { update: 'per-broker' }),
  string('ssl.keystore.location', null, 'The file of the key store.', {
    update: 'per-broker',
  }),
  password('ssl.keystore.password', 'The password of the key store.', {
    update: 'per-broker',
  }),
  string('ssl.keystore.type', 'JKS', 'The format of the key store; what it is in is seen.', {
    update: 'per-broker',
  }),
  string('ssl.principal.mapping.rules', 'DEFAULT', "How a certificate's name becomes a principal.", {
    effect: 'later',
  }),
  string('ssl.protocol', 'TLSv1.3', 'The newest TLS version.', { update: 'per-broker', effect: 'later' }),
  string('ssl.provider', null, 'A Java security provider; without meaning here.', {
    update: 'per-broker',
    effect: 'later',
  }),
  string('ssl.secure.random.implementation', null, 'A Java source of random numbers; without meaning here.', {
    update: 'per-broker',
    effect: 'later',
  }),
  string('ssl.trustmanager.algorithm', 'PKIX', "A Java trust manager's algorithm; without meaning here.", {
    update: 'per-broker',
    effect: 'later',
  }),
  password('ssl.truststore.certificates', 'Trusted certificates, as PEM text.', {
    update: 'per-broker',
  }),
  string('ssl.truststore.location', null, 'The file of the trust store.', {
    update: 'per-broker',
  }),
  password('ssl.truststore.password', 'The password of the trust store.', { update: 'per-broker' }),
  string('ssl.truststore.type', 'JKS', 'The format of the trust store; what it is in is seen.', {
    update: 'per-broker',
  }),
]
