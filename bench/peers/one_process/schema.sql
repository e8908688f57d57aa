CREATE TABLE prices (sku TEXT PRIMARY KEY, unit_minor INTEGER NOT NULL);

CREATE TABLE customers (
  customer_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  currency TEXT NOT NULL,
  payment_method TEXT NOT NULL,
  payment_customer TEXT NOT NULL
);

CREATE TABLE usage (
  event_id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customers,
  sku TEXT NOT NULL REFERENCES prices,
  quantity INTEGER NOT NULL,
  month TEXT NOT NULL
);
CREATE INDEX usage_of_month ON usage (customer_id, month);

CREATE TABLE invoices (
  number TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customers,
  period TEXT NOT NULL,
  minor INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT '',
  mailed_at TEXT,
  UNIQUE (customer_id, period)
);

CREATE TABLE attempts (
  key TEXT PRIMARY KEY,
  invoice TEXT NOT NULL REFERENCES invoices,
  minor INTEGER NOT NULL,
  begun TEXT NOT NULL,
  outcome TEXT,
  reference TEXT,
  reason TEXT
);
CREATE UNIQUE INDEX one_open_attempt ON attempts (invoice) WHERE outcome IS NULL;

CREATE TABLE transfers (
  reference TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customers,
  period TEXT NOT NULL,
  minor INTEGER NOT NULL
)
