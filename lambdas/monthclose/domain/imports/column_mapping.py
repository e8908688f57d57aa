"""Column mapping: the fields of each kind of file, and the columns of somebody's file that hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monthclose.domain.attributes import FIELD, NAMES, PREFIX, is_name
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.file_options import FileOptions, Hints
from monthclose.domain.imports.numerals import COMMA, POINT, with_point
from monthclose.domain.imports.times import read_time


@dataclass(frozen=True, slots=True)
class FileSchema:
    """The fields of one kind of file; each required one needs a column or a default.

    Parameters
    ----------
    prefix : str
        What the names of fields begin with that each file may have as many of as it likes; empty if there are none.
    """

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    prefix: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields."""
        return (*self.required, *self.optional)

    def has(self, name: str) -> bool:
        """Whether there is such a field."""
        return name in self.fields or self.is_open(name)

    def is_open(self, name: str) -> bool:
        """Whether a field is one of those that a file may have as many of as it likes."""
        return bool(self.prefix) and name.startswith(self.prefix)


CUSTOMERS = FileSchema(
    "customers",
    ("customer_id", "name", "email", "currency", "payment_provider", "payment_method"),
    (
        *("country", "payment_customer", "region", "tax_id", "address", "language", "billing_day", "time_zone"),
        *("invoice_emails", "dunning_emails", "contact", "purchase_order", "cost_centre", "payer"),
    ),
)
PRICES = FileSchema("prices", ("sku", "currency", "unit_price"), ("unit", "description"))
USAGE = FileSchema(
    "usage",
    ("customer_id", "sku", "quantity", "time"),
    ("event_id", "unit_price", "description", "resource", "replaces", "used_at", "currency", FIELD),
    PREFIX,
)
NUMBERS = ("quantity", "unit_price")
"""The fields that are numbers, in whatever kind of file."""
TIMES = ("time", "used_at")
"""The fields that are times."""


class LayoutError(UserMistakeError):
    """A file's columns cannot be used.

    Parameters
    ----------
    problem : str
        What is wrong, without a word of the file's content.
    columns : sequence of str
        The file's columns: of a file without a header, somebody's data.
    advice : str
        How to fix it.
    unknown : sequence of str
        Columns that are none of the fields, among others that are.
    """

    def __init__(self, problem: str, columns: Sequence[str], advice: str = "", unknown: Sequence[str] = ()) -> None:
        strange = f" (unknown: {_listed(unknown)})" if unknown else ""
        text = f"{problem}; the columns are {_listed(columns)}{strange}"
        super().__init__(f"{text}\n{advice}" if advice else text)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column holds which field, what stands in for an empty cell, how numbers and times are written.

    Parameters
    ----------
    decimal : str
        `.` or `,`; empty if nobody has said: then it is the point, unless a number shows that it isn't.
    time_zone, time_format : str
        Of its times; empty if nobody has said.
    only, without : mapping
        Values by column: rows that do not have the former, or have the latter, are left out.
    open_prefix : str
        Where rows may have other columns than the first ones: the fields that each row may have more of begin so.
    """

    columns: Mapping[str, str]
    defaults: Mapping[str, str]
    decimal: str = ""
    time_zone: str = ""
    time_format: str = ""
    only: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
    open_prefix: str = ""

    @classmethod
    def resolve(
        cls,
        schema: FileSchema,
        columns: Sequence[str],
        options: FileOptions,
        hints: Hints,
        *,
        open_ended: bool = False,
    ) -> "ColumnMapping":
        """Find each field's column: the mapped one, or the one of the field's own name.

        Where the columns are `open_ended`, optional fields may come in later rows.

        Raises
        ------
        UserMistakeError
            A field does not exist.
        LayoutError
            A column does not exist or is there twice, or a required field has neither column nor default.
        """
        check_fields(schema, options)
        options = options if open_ended else options.fitting(columns)
        mapped, defaults = options.mapped, options.defaults
        for column in (*options.only, *options.without):
            if column not in columns and not open_ended:
                raise LayoutError(f"there is no column {column!r} (by which rows are left out)", columns)
        for name, column in mapped.items():
            if column not in columns and not (open_ended and column in options.may_lack):
                raise LayoutError(f"there is no column {column!r} (for {name})", columns)
        names = dict.fromkeys((*schema.fields, *mapped, *(column for column in columns if schema.is_open(column))))
        there = {*columns, *(options.may_lack if open_ended else ())}
        found = {name: mapped.get(name, name) for name in names if mapped.get(name, name) in there}
        for name in found:
            if schema.is_open(name) and not is_name(name.removeprefix(schema.prefix)):
                raise LayoutError(f"a column that begins with {schema.prefix} cannot be an attribute's", columns, NAMES)
        twice = [column for column in found.values() if columns.count(column) > 1]
        if twice:
            raise LayoutError(f"the column {twice[0]!r} appears twice", columns)
        missing = [name for name in schema.required if name not in found and name not in defaults]
        if missing:
            mapping, default = hints.mapped.format(missing[0]), hints.default.format(missing[0])
            raise LayoutError(
                f"there is no column for {_listed(missing)}",
                columns,
                f"name the column with {mapping}, or give every row the same value with {default}",
                [column for column in columns if column not in found.values()] if found else (),
            )
        later = {name: name for name in schema.optional if open_ended and name not in {**found, **mapped}}
        return cls(
            {**found, **later},
            dict(defaults),
            options.decimal,
            options.time_zone,
            options.time_format,
            dict(options.only),
            dict(options.without),
            schema.prefix if open_ended else "",
        )

    def left_out(self, cells: Mapping[str, str]) -> str:
        """Say why a row does not count; empty if it does."""
        for column, value in self.only.items():
            found = cells.get(column, "").strip()
            if found != value:
                return f"{column} is {found}" if found else f"{column} is empty"
        for column, value in self.without.items():
            if cells.get(column, "").strip() == value:
                return f"{column} is {value}"
        return ""

    def customer_of(self, cells: Mapping[str, str]) -> str:
        """Say whose a row is; empty if it does not say."""
        return cells.get(self.columns.get("customer_id", ""), "").strip() or self.defaults.get("customer_id", "")

    def currency_of(self, cells: Mapping[str, str]) -> str:
        """Say which currency a row of usage is in; empty if it does not say."""
        return cells.get(self.columns.get("currency", ""), "").strip() or self.defaults.get("currency", "")

    def fields(self, cells: Mapping[str, str]) -> dict[str, str]:
        """Read the fields of a row; an empty cell takes the default.

        Numbers come with a decimal point, times in ISO 8601.

        Raises
        ------
        UserMistakeError
            A number or a time is not written as the file's are, or a local time is none or two.
        """
        values = {n: value for n, column in self.columns.items() if (value := cells.get(column, "").strip())}
        if self.defaults:
            values = {**self.defaults, **values}
        if self.open_prefix:
            more = (name for name in cells if name.startswith(self.open_prefix) and name not in values)
            values.update({name: value for name in more if (value := cells[name].strip())})
        if self.decimal == COMMA:
            for name in NUMBERS:
                if name in values:
                    values[name] = _with_point(values[name], name)
        if self.time_format or self.time_zone:
            for name in TIMES:
                if name in values:
                    values[name] = self._in_iso(values[name], name)
        return values

    def _in_iso(self, value: str, name: str) -> str:
        try:
            return read_time(value, self.time_format, self.time_zone, self.decimal or POINT).isoformat()
        except UserMistakeError as error:
            raise UserMistakeError(str(error).replace("time", name, 1)) from None


def check_fields(schema: FileSchema, options: FileOptions) -> None:
    """Check that the fields that options name are those of a kind of file.

    Raises
    ------
    UserMistakeError
        One is not.
    """
    for name in (*options.mapped, *options.defaults):
        if not schema.has(name):
            raise UserMistakeError(
                f"a {schema.name} file has no field {name!r}; its fields are {_listed(schema.fields)}"
            )


def _with_point(value: str, name: str) -> str:
    number = with_point(value)
    if number is None:
        raise UserMistakeError(f"{name} is not a number with a decimal comma")
    return number


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = [name if len(name) <= 40 else f"{name[:39]}…" for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
