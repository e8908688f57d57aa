"""The stack of everything that does the work. It can be deployed again at any time."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from monthclose.domain.closes.pacing import generated_per_second
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.period import billing_day_text
from monthclose.domain.usage_archive import MONTHS_KEPT
from monthclose.names import INVOICES_PATH, WEBHOOKS_PATH, Env, metrics_namespace, output_name
from stacks.addresses_stack import AddressesStack, Doors
from stacks.alarms import Alarms
from stacks.config import Config
from stacks.config.company import company_settings
from stacks.config.policies import gates_settings
from stacks.dashboard import Dashboard, Shown
from stacks.events import Events
from stacks.functions.access import grant, grant_secret
from stacks.functions.environment import check_environment
from stacks.functions.factory import Functions
from stacks.functions.layer import PACK, DependencyLayer
from stacks.functions.spec import Function
from stacks.functions.table import FUNCTIONS, READS_TABLES
from stacks.invoices import InvoiceViewer, link_settings
from stacks.machines.archive_usage import UsageArchive
from stacks.machines.collections import Collections
from stacks.machines.deadline import DeadlineWatch
from stacks.machines.import_usage import UsageImport
from stacks.machines.month_close import MonthClose
from stacks.machines.reconcile import FINDERS, Drains, Reconciler
from stacks.machines.report_pack import ReportPack
from stacks.machines.state_machine import MapMachine
from stacks.mail import Mail
from stacks.nag import acknowledge
from stacks.operator import Operator
from stacks.people import Operated, People
from stacks.providers import ProviderQueue, dead_letter_queue
from stacks.state_stack import StateStack
from stacks.webhooks import Webhooks


@dataclass(frozen=True, kw_only=True)
class _Machines:
    """The state machines, all of them started by rules."""

    archive: UsageArchive
    close: MonthClose
    collections: Collections
    deadline: DeadlineWatch
    imports: UsageImport
    packs: ReportPack
    reconciler: Reconciler

    def for_people(self) -> list[sfn.StateMachine]:
        """List those that a command starts, watches or stops."""
        return [
            self.close.machine,
            self.collections.machine,
            self.imports.machine,
            self.packs.machine,
            self.archive.machine,
        ]

    def outputs(self) -> dict[Env, str]:
        """Where the command finds the ones that it starts."""
        return {
            Env.STATE_MACHINE_ARN: self.close.machine.state_machine_arn,
            Env.COLLECTIONS_ARN: self.collections.machine.state_machine_arn,
            Env.REPORT_PACK_ARN: self.packs.machine.state_machine_arn,
            Env.USAGE_ARCHIVE_ARN: self.archive.machine.state_machine_arn,
            Env.USAGE_IMPORT_ARN: self.imports.machine.state_machine_arn,
        }


class WorkflowStack(Stack):
    """Functions, queues and state machines, and the alarms and dashboard that watch them."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        state: StateStack,
        addresses: AddressesStack | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Month close: the workflow",
            termination_protection=not config.local,
        )
        self._config = config
        self._state = state
        mail = self._mail = Mail(self, "Mail", config=config)
        self._providers = [ProviderQueue(self, p.name.title(), provider=p, config=config) for p in config.providers]
        self._webhooks = Webhooks(self, "Webhooks")
        environment = self._environment(mail)
        check_environment(self, environment)
        functions = self._functions(environment)
        self._called = {name: self._make(functions, name) for name, spec in FUNCTIONS.items() if spec.machine}
        self._consumers = [provider.add_consumer(functions, config=config) for provider in self._providers]
        self._webhooks.add_functions(functions, self._providers, config=config)
        mail.add_hearer(functions)
        self._events = Events(self, "Events", config=config, functions=functions, tables=state.tables)
        self._show_close = functions.make(self, Function.SHOW_CLOSE)
        self._operator = Operator(
            self, "Operator", functions=functions, providers=self._providers, limits=config.hand_limits
        )
        self._doors = Doors(self, "Doors", addresses) if addresses else None
        if self._doors:
            self._doors.open("Webhooks", WEBHOOKS_PATH, self._webhooks.receiver)
        self._viewer = self._invoice_viewer(functions)
        self._grant_state()
        missed_starts = self._missed_starts()
        machines = self._machines(missed_starts)
        self._grant(machines, mail)
        operated = Operated(
            machines=machines.for_people(),
            mail=mail,
            for_operator=self._operator.function,
            within_limits=self._operator.within_limits,
            show_close=self._show_close,
        )
        People(self, "People", state=state, operated=operated)
        self._watch(machines, missed_starts)
        operator = {
            Env.OPERATOR_FUNCTION: self._operator.function.function_name,
            Env.LIMITED_FUNCTION: self._operator.within_limits.function_name,
        }
        self._add_outputs({**environment, **machines.outputs(), **self._addresses(), **operator})

    def _environment(self, mail: Mail) -> dict[Env, str]:
        config, tables = self._config, self._state.tables.by_env
        return {
            **{env: table.table_name for env, table in tables.items()},
            Env.DOCUMENTS_BUCKET: self._state.documents.bucket.bucket_name,
            Env.USAGE_BUCKET: self._state.usage.bucket_name,
            Env.USAGE_DROP: json.dumps(_unusual(config.usage_drop), sort_keys=True),
            Env.MAX_REJECTED_PERCENT: str(config.max_rejected_percent),
            **({Env.USAGE_MONTHS: json.dumps(months)} if (months := config.usage_months) != MONTHS_KEPT else {}),
            Env.PROVIDERS: self.to_json_string({p.provider.name: p.settings() for p in self._providers}),
            Env.WEBHOOK_QUEUE_URL: self._webhooks.queue.queue_url,
            Env.MAIL_SENDER: config.mail_sender,
            Env.MAIL_CONFIGURATION_SET: mail.configuration_set.configuration_set_name,
            Env.MAIL_PACE: json.dumps(asdict(config.mail), sort_keys=True),
            Env.COMPANY_NAME: config.company_name,
            Env.COMPANY: json.dumps(company_settings(config.company), sort_keys=True, ensure_ascii=False),
            Env.INVOICE_LINKS: link_settings(self, self._state.link_keys, config=config),
            Env.HOLD_POLICY: json.dumps(asdict(config.hold_policy), sort_keys=True),
            Env.GATES: json.dumps(gates_settings(config.gates), sort_keys=True),
            Env.INVOICING: json.dumps(asdict(config.invoicing), sort_keys=True),
            Env.JOURNAL: json.dumps(config.journal.values(), sort_keys=True),
            Env.DUNNING: json.dumps(config.dunning.settings(), sort_keys=True),
            Env.BILLING_DAYS: json.dumps([*map(billing_day_text, config.billing_days)]),
            Env.GENERATED_PER_SECOND: str(generated_per_second(config.expected_customers)),
            Env.MAX_BATCHES: str(config.max_batches),
            Env.MAX_ROUNDS: str(config.max_rounds),
            Env.ROUND_WAIT_SECONDS: str(config.round_wait_seconds),
            Env.DEADLINE_HOURS: str(config.deadline_hours),
            **({Env.TIME_ZONES: json.dumps(zones, sort_keys=True)} if (zones := config.calendar.values()) else {}),
        }

    def _functions(self, environment: Mapping[Env, str]) -> Functions:
        layer = DependencyLayer(self, "Dependencies", config=self._config)
        return Functions(
            config=self._config,
            layer=layer.version,
            architecture=layer.architecture,
            environment={env.value: value for env, value in environment.items()},
        )

    @cached_property
    def _tables(self) -> DependencyLayer:
        """The layer of the functions that write and read Parquet."""
        return DependencyLayer(self, "Tables", config=self._config, requirements=PACK)

    def _make(self, functions: Functions, name: Function) -> lambda_.Function:
        """Make a function that a state machine calls, with what only it has."""
        match name:
            case _ if name in READS_TABLES:
                return functions.make(self, name, layers=[self._tables.version])
            case Function.FINISH_PACK:
                finance = {Env.FINANCE_EMAIL.value: self._config.finance_email or ""}
                return functions.make(self, name, environment=finance)
        return functions.make(self, name)

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
            providers=self._providers,
        )
        self._mail.grant_send(viewer.desk)
        if self._doors:
            self._doors.open("Invoices", INVOICES_PATH, viewer.function)
        for function in (*self._mailing(), self._called[Function.SETTLE_PAYMENTS], viewer.desk):
            viewer.let_link(function, self._doors.invoices_url if self._doors else viewer.url.url)
        return viewer

    def _mailing(self) -> list[lambda_.Function]:
        """List the functions that e-mail customers, apart from the reconciler's."""
        functions = (
            *(Function.SEND_NOTICES, Function.SEND_REMAINING_NOTICES, Function.APPLY_HOLDS),
            *(Function.SEND_REMINDERS, Function.REVIEW_HOLDS),
        )
        by_hand = (self._operator.function, self._operator.within_limits)
        return [*(self._called[name] for name in functions), self._webhooks.applier, *by_hand]

    def _grant_state(self) -> None:
        functions = [
            *self._called.items(),
            *((Function.CHARGE_CUSTOMERS, consumer) for consumer in self._consumers),
            *self._webhooks.functions.items(),
            (Function.HEAR_MAIL, self._mail.hearer),
            (Function.ACT_FOR_OPERATOR, self._operator.function),
            (Function.REFUND_WITHIN_LIMITS, self._operator.within_limits),
            (Function.PUBLISH_EVENTS, self._events.function),
            (Function.SHOW_CLOSE, self._show_close),
            *([(Function.ACT_FOR_CUSTOMER, self._viewer.desk)] if self._viewer else []),
        ]
        for name, function in functions:
            grant(function, name, self._state)

    def _missed_starts(self) -> sqs.Queue:
        """Make the queue for events of rules that could not start a state machine."""
        queue = dead_letter_queue(self, "MissedStarts")
        acknowledge(queue, "SQS3", "This is itself the dead-letter queue of the rules that start things.")
        return queue

    def _machines(self, missed_starts: sqs.Queue) -> _Machines:
        config = self._config
        packs = ReportPack(self, "ReportPack", config=config, functions=self._called)
        close, collections = self._machine(MonthClose, ReportPack=packs.machine), self._machine(Collections)
        packs.let_wait(close.machine)
        close.start_on(missed_starts, config)
        collections.start_daily(missed_starts, config)
        deadline = DeadlineWatch(self, "Deadline", config=config, watched=close.machine, missed_starts=missed_starts)
        imports = UsageImport(
            self,
            "ImportUsage",
            config=config,
            functions=self._called,
            bucket=self._state.usage,
            missed_starts=missed_starts,
        )
        archive = UsageArchive(self, "ArchiveUsage", config=config, functions=self._called, missed_starts=missed_starts)
        reconciler = Reconciler(
            self,
            "Reconcile",
            config=config,
            functions=self._called,
            close=close,
            imports=imports,
            packs=packs,
            drains=Drains(mail=self._mail, webhooks=self._webhooks, missed_starts=missed_starts),
        )
        return _Machines(
            archive=archive,
            close=close,
            collections=collections,
            deadline=deadline,
            imports=imports,
            packs=packs,
            reconciler=reconciler,
        )

    def _machine[M: MapMachine](self, kind: type[M], **starts: sfn.StateMachine) -> M:
        return kind(
            self,
            kind.__name__,
            config=self._config,
            functions=self._called,
            queues=[provider.queue for provider in self._providers],
            documents=self._state.documents.bucket,
            starts=starts,
        )

    def _grant(self, machines: _Machines, mail: Mail) -> None:
        """Let the functions send e-mail, ask about executions, answer for tasks and read providers' secrets."""
        for function in self._mailing():
            mail.grant_send(function)
        if self._config.finance_email:
            mail.grant_send_to(self._called[Function.FINISH_PACK], self._config.finance_email)
        mail.grant_quota(self._called[Function.PLAN_CLOSE])
        machines.close.grant_describe(self._called[Function.OPEN_CLOSE], self._called[Function.FIND_OWING])
        machines.collections.grant_describe(self._called[Function.FIND_OWING])
        for consumer in self._consumers:
            machines.close.grant_task_response(consumer)
        machines.close.grant_task_response(self._called[Function.AWAIT_APPROVAL], only_success=True)
        for provider in self._providers:
            for name in (Function.PLAN_CLOSE, Function.COMPARE_PART, Function.REPORT_CLOSE, Function.FINISH_PACK):
                grant_secret(self._called[name], provider.secret)
        machines.reconciler.grant_providers(self._providers, mail)

    def _watch(self, machines: _Machines, missed_starts: sqs.Queue) -> None:
        functions = self._by_name()
        alarms = Alarms(self, "Alarms", config=self._config)
        alarms.watch_closes(machines.close.machine)
        alarms.watch_collections(machines.collections.machine)
        alarms.watch_imports(machines.imports.machine)
        alarms.watch_packs(machines.packs.machine)
        alarms.watch_archive(machines.archive.machine)
        alarms.watch_deadline(machines.deadline.machine)
        alarms.watch_reconciliations(machines.reconciler.machine)
        alarms.watch_findings({name.camel_case: name.value for name in FINDERS})
        alarms.watch_keys()
        alarms.watch_events(self._events.function)
        alarms.watch_tables(self._state.tables.by_env.values())
        alarms.watch_dead_letters("MissedStarts", missed_starts)
        waited_for = {name.camel_case for name, spec in FUNCTIONS.items() if spec.waited_for}
        alarms.watch_functions(functions, waited_for=waited_for)
        alarms.watch_loops()
        alarms.watch_webhooks(self._webhooks)
        alarms.watch_mail(self._mail)
        if self._doors:
            alarms.watch_doors(self._doors.api_id)
        for provider in self._providers:
            alarms.watch_queue(provider)
        shown = Shown(
            namespace=metrics_namespace(self._config.name),
            machine=machines.close.machine,
            functions=functions,
            providers=self._providers,
            tables=list(self._state.tables.by_env.values()),
            alarms=alarms.made,
            show_close=self._show_close,
        )
        Dashboard(self, "Dashboard", shown)

    def _by_name(self) -> dict[str, lambda_.Function]:
        """Name all functions as alarms and the dashboard do."""
        functions: dict[str, lambda_.Function] = {name.camel_case: f for name, f in self._called.items()}
        for provider, consumer in zip(self._providers, self._consumers, strict=True):
            functions[f"{Function.CHARGE_CUSTOMERS.camel_case}{provider.provider.name.title()}"] = consumer
        if self._viewer:
            functions[Function.SHOW_INVOICE.camel_case] = self._viewer.function
            functions[Function.ACT_FOR_CUSTOMER.camel_case] = self._viewer.desk
        functions[Function.HEAR_MAIL.camel_case] = self._mail.hearer
        for name, function in self._webhooks.functions.items():
            functions[name.camel_case] = function
        functions[Function.ACT_FOR_OPERATOR.camel_case] = self._operator.function
        functions[Function.REFUND_WITHIN_LIMITS.camel_case] = self._operator.within_limits
        functions[Function.PUBLISH_EVENTS.camel_case] = self._events.function
        functions[Function.SHOW_CLOSE.camel_case] = self._show_close
        return functions

    def _addresses(self) -> dict[Env, str]:
        """Where the internet reaches the functions that are open to it."""
        if self._doors:
            links = {Env.INVOICE_URL: self._doors.invoices_url} if self._viewer else {}
            return {Env.WEBHOOK_URL: self._doors.webhooks_url, **links}
        links = {Env.INVOICE_URL: self._viewer.url.url} if self._viewer else {}
        return {Env.WEBHOOK_URL: self._webhooks.url, **links}

    def _add_outputs(self, values: Mapping[Env, str]) -> None:
        for env, value in values.items():
            CfnOutput(self, output_name(env), value=value)


def _unusual(drop: DropSettings) -> dict[str, int]:
    """Leave out what is at its default: the functions' environment has little room."""
    usual = asdict(DropSettings())
    return {name: value for name, value in asdict(drop).items() if value != usual[name]}
