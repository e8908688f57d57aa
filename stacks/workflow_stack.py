"""The stack of what does the work, and may be deployed anew at any time."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from monthclose.names import Env, output_name
from stacks.access import grant
from stacks.alarms import Alarms
from stacks.collections import Collections
from stacks.config import Config
from stacks.dashboard import Dashboard
from stacks.deadline import DeadlineWatch
from stacks.environment import check_environment
from stacks.functions import COLLECTION_SIZES, RECONCILE_SIZES, SIZES, Function, Functions
from stacks.import_drop import AT_ONCE, ImportDrop, make_functions
from stacks.invoices import InvoiceViewer, link_settings
from stacks.layer import DependencyLayer
from stacks.mail import Mail
from stacks.month_close import MapMachine, MonthClose
from stacks.nag import acknowledge
from stacks.providers import ProviderQueue, dead_letter_queue
from stacks.reconcile import FINDERS, Reconciler
from stacks.state_stack import StateStack
from stacks.webhooks import Webhooks


class WorkflowStack(Stack):
    """Functions, queues, the state machine, and the eyes on them."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, state: StateStack) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Month close: the workflow",
            termination_protection=not config.local,
        )
        self._config = config
        self._state = state
        mail = Mail(self, "Mail", config=config)
        self._providers = [ProviderQueue(self, p.name.title(), provider=p, config=config) for p in config.providers]
        self._webhooks = Webhooks(self, "Webhooks")
        environment = self._environment(mail)
        check_environment(self, environment)
        functions = self._functions(environment)
        self._called = {name: functions.make(self, name) for name in (*SIZES, *RECONCILE_SIZES, *COLLECTION_SIZES)}
        importing = make_functions(self, functions)
        self._called |= importing
        self._consumers = [provider.add_consumer(functions, config=config) for provider in self._providers]
        self._webhooks.add_functions(functions, self._providers, config=config)
        close, collections = self._machine(MonthClose), self._machine(Collections)
        self._viewer = self._invoice_viewer(functions)
        self._grant(mail, close, collections)
        deadline = self._schedule(close, collections)
        drop = ImportDrop(
            self,
            "ImportUsage",
            config=config,
            functions=importing,
            bucket=state.usage,
            missed_starts=self._missed,
        )
        reconciler = Reconciler(
            self,
            "Reconcile",
            config=config,
            functions=self._called,
            close=close,
            drop=drop,
            missed_starts=self._missed,
        )
        reconciler.grant_providers(self._providers, mail)
        self._watch(close, deadline, reconciler, collections, drop)
        known_later = {
            Env.STATE_MACHINE_ARN: close.machine.state_machine_arn,
            Env.COLLECTIONS_ARN: collections.machine.state_machine_arn,
            Env.USAGE_IMPORT_ARN: drop.machine.state_machine_arn,
            Env.WEBHOOK_URL: self._webhooks.url,
        }
        if self._viewer:
            known_later[Env.INVOICE_URL] = self._viewer.url.url
        self._add_outputs({**environment, **known_later})

    def _environment(self, mail: Mail) -> dict[Env, str]:
        config, tables = self._config, self._state.tables.by_env
        return {
            **{env: table.table_name for env, table in tables.items()},
            Env.DOCUMENTS_BUCKET: self._state.documents.bucket.bucket_name,
            Env.USAGE_BUCKET: self._state.usage.bucket_name,
            Env.USAGE_DROP: json.dumps(asdict(config.usage_drop), sort_keys=True),
            Env.MAX_REJECTED_PERCENT: str(config.max_rejected_percent),
            Env.PROVIDERS: self.to_json_string({p.provider.name: p.settings() for p in self._providers}),
            Env.WEBHOOK_QUEUE_URL: self._webhooks.queue.queue_url,
            Env.MAIL_SENDER: config.mail_sender,
            Env.MAIL_CONFIGURATION_SET: mail.configuration_set.configuration_set_name,
            Env.COMPANY_NAME: config.company_name,
            Env.COMPANY: json.dumps(config.company.settings(), sort_keys=True, ensure_ascii=False),
            Env.INVOICE_LINKS: link_settings(self, self._state.link_keys, config=config),
            Env.HOLD_POLICY: json.dumps(asdict(config.hold_policy), sort_keys=True),
            Env.INVOICING: json.dumps(asdict(config.invoicing), sort_keys=True),
            Env.DUNNING: json.dumps(asdict(config.dunning), sort_keys=True),
            Env.MAX_BATCHES: str(config.max_batches),
            Env.MAX_ROUNDS: str(config.max_rounds),
            Env.ROUND_WAIT_SECONDS: str(config.round_wait_seconds),
            Env.DEADLINE_HOURS: str(config.deadline_hours),
        }

    def _functions(self, environment: Mapping[Env, str]) -> Functions:
        layer = DependencyLayer(self, "Dependencies", config=self._config)
        return Functions(
            config=self._config,
            layer=layer.version,
            architecture=layer.architecture,
            environment={env.value: value for env, value in environment.items()},
        )

    def _invoice_viewer(self, functions: Functions) -> InvoiceViewer | None:
        if not self._config.invoice_link_days:
            return None
        viewer = InvoiceViewer(
            self,
            "Invoices",
            config=self._config,
            functions=functions,
            keys=self._state.link_keys,
            billing=self._state.tables.by_env[Env.BILLING_TABLE],
            documents=self._state.documents.bucket,
        )
        for function in (*self._telling(), self._called[Function.SETTLE_PAYMENTS]):
            viewer.tell(function)
        return viewer

    def _telling(self) -> list[lambda_.Function]:
        """List the functions that write to customers, beside the reconciler's."""
        functions = (Function.SEND_NOTICES, Function.APPLY_HOLDS, Function.SEND_REMINDERS, Function.REVIEW_HOLDS)
        return [*(self._called[name] for name in functions), self._webhooks.applier]

    def _machine[M: MapMachine](self, kind: type[M]) -> M:
        return kind(
            self,
            kind.__name__,
            config=self._config,
            functions=self._called,
            queues=[provider.queue for provider in self._providers],
            documents=self._state.documents.bucket,
        )

    def _grant(self, mail: Mail, close: MonthClose, collections: Collections) -> None:
        functions = [
            *self._called.items(),
            *((Function.CHARGE_CUSTOMERS, consumer) for consumer in self._consumers),
            (Function.APPLY_WEBHOOK, self._webhooks.applier),
        ]
        for name, function in functions:
            grant(function, name, tables=self._state.tables, documents=self._state.documents)
        for function in self._telling():
            mail.grant_send(function)
        close.grant_describe(self._called[Function.OPEN_CLOSE], self._called[Function.FIND_OWING])
        collections.grant_describe(self._called[Function.FIND_OWING])
        for consumer in self._consumers:
            close.grant_task_response(consumer)
        for provider in self._providers:
            for name in (Function.PLAN_CLOSE, Function.REPORT_CLOSE):
                provider.secret.grant_read(self._called[name])

    def _schedule(self, close: MonthClose, collections: Collections) -> DeadlineWatch:
        self._missed = dead_letter_queue(self, "MissedStarts")
        acknowledge(self._missed, "SQS3", "This is itself the dead-letter queue of the rules that start things.")
        close.start_monthly(self._missed)
        collections.start_daily(self._missed, self._config)
        return DeadlineWatch(self, "Deadline", config=self._config, watched=close.machine, dead_letters=self._missed)

    def _watch(
        self,
        close: MonthClose,
        deadline: DeadlineWatch,
        reconciler: Reconciler,
        collections: Collections,
        drop: ImportDrop,
    ) -> None:
        functions: dict[str, lambda_.Function] = {name.camel_case: f for name, f in self._called.items()}
        for provider, consumer in zip(self._providers, self._consumers, strict=True):
            functions[f"{Function.CHARGE_CUSTOMERS.camel_case}{provider.provider.name.title()}"] = consumer
        if self._viewer:
            functions[Function.SHOW_INVOICE.camel_case] = self._viewer.function
        for name, function in self._webhooks.functions.items():
            functions[name.camel_case] = function
        alarms = Alarms(self, "Alarms", config=self._config)
        alarms.watch_executions(close.machine)
        alarms.watch_collections(collections.machine)
        alarms.watch_imports(drop.machine)
        alarms.watch_deadline(deadline.machine)
        alarms.watch_reconciliations(reconciler.machine)
        alarms.watch_findings({name.camel_case: name.value for name in FINDERS})
        alarms.watch_dead_letters("MissedStarts", self._missed)
        alarms.watch_functions(functions, waited_for={name.camel_case for name in AT_ONCE})
        alarms.watch_webhooks(self._webhooks)
        for provider in self._providers:
            alarms.watch_queue(provider)
        Dashboard(
            self,
            "Dashboard",
            machine=close.machine,
            functions=functions,
            providers=self._providers,
            tables=list(self._state.tables.by_env.values()),
        )

    def _add_outputs(self, values: Mapping[Env, str]) -> None:
        for env, value in values.items():
            CfnOutput(self, output_name(env), value=value)
