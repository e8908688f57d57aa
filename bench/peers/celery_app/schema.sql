CREATE TABLE prices (sku text PRIMARY KEY, unit_minor bigint NOT NULL);

CREATE TABLE customers (
  customer_id text PRIMARY KEY,
  name text NOT NULL,
  email text NOT NULL,
  currency text NOT NULL,
  payment_method text NOT NULL,
  payment_customer text NOT NULL
);

CREATE TABLE usage (
  event_id text PRIMARY KEY,
  customer_id text NOT NULL REFERENCES customers,
  sku text NOT NULL REFERENCES prices,
  quantity bigint NOT NULL,
  time timestamptz NOT NULL
);
CREATE INDEX usage_of_customer ON usage (customer_id, time);

CREATE TABLE invoices (
  number text PRIMARY KEY,
  customer_id text NOT NULL REFERENCES customers,
  period text NOT NULL,
  minor bigint NOT NULL,
  state text NOT NULL DEFAULT '',
  queued_at timestamptz NOT NULL DEFAULT now(),
  mailed_at timestamptz,
  UNIQUE (customer_id, period)
);
CREATE INDEX unfinished_invoices ON invoices (queued_at) WHERE mailed_at IS NULL;

CREATE TABLE attempts (
  key text PRIMARY KEY,
  number text NOT NULL REFERENCES invoices,
  minor bigint NOT NULL CHECK (minor > 0),
  begun timestamptz NOT NULL DEFAULT now(),
  outcome text,
  reference text,
  reason text
);
CREATE INDEX attempts_of_invoice ON attempts (number);
CREATE UNIQUE INDEX one_open_attempt ON attempts (number) WHERE outcome IS NULL;

CREATE TABLE transfers (
  reference text PRIMARY KEY,
  customer_id text NOT NULL REFERENCES customers,
  period text NOT NULL,
  minor bigint NOT NULL
);
CREATE INDEX transfers_of_customer ON transfers (customer_id, period);
