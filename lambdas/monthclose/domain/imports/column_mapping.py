"""Column mapping: the fields of each kind of file, and the columns of somebody's file that hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from monthclose.domain.attributes import FIELD, PREFIX
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.numerals import COMMA, POINT, with_point


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
        *("country", "payment_customer", "region", "tax_id", "address", "language"),
        *("invoice_emails", "dunning_emails", "contact", "purchase_order", "cost_centre", "payer"),
    ),
)
PRICES = FileSchema("prices", ("sku", "currency", "unit_price"), ("unit", "description"))
USAGE = FileSchema(
    "usage",
    ("customer_id", "sku", "quantity", "time"),
    ("event_id", "unit_price", "description", "resource", "replaces", "used_at", FIELD),
    PREFIX,
)
NUMBERS = ("quantity", "unit_price")
"""The fields that are numbers, in whatever kind of file."""


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
class Hints:
    """How to state a column, a default and a decimal mark where a file comes from; `{}` is the field or the mark."""

    mapped: str
    default: str
    decimal: str


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column holds which field, what stands in for an empty cell, and how numbers are written.

    Parameters
    ----------
    decimal : str
        `.` or `,`; empty if nobody has said: then it is the point, unless a number shows that it isn't.
    open_prefix : str
        Where rows may have other columns than the first ones: the fields that each row may have more of begin so.
    """

    columns: Mapping[str, str]
    defaults: Mapping[str, str]
    decimal: str = ""
    open_prefix: str = ""

    @classmethod
    def resolve(
        cls,
        schema: FileSchema,
        columns: Sequence[str],
        mapped: Mapping[str, str],
        defaults: Mapping[str, str],
        hints: Hints,
        decimal: str = "",
        *,
        open_ended: bool = False,
    ) -> "ColumnMapping":
        """Find each field's column: the mapped one, or the one of the field's own name.

        Where the columns are `open_ended`, optional fields may come in later rows.

        Raises
        ------
        UserMistakeError
            A field does not exist, or the decimal mark is none.
        LayoutError
            A column does not exist or is there twice, or a required field has neither column nor default.
        """
        if decimal not in ("", POINT, COMMA):
            raise UserMistakeError(f"{hints.decimal.format(decimal)}: the decimal mark must be {POINT} or {COMMA}")
        for name in (*mapped, *defaults):
            if not schema.has(name):
                raise UserMistakeError(
                    f"a {schema.name} file has no field {name!r}; its fields are {_listed(schema.fields)}"
                )
        for name, column in mapped.items():
            if column not in columns:
                raise LayoutError(f"there is no column {column!r} (for {name})", columns)
        names = dict.fromkeys((*schema.fields, *mapped, *(column for column in columns if schema.is_open(column))))
        found = {name: mapped.get(name, name) for name in names if mapped.get(name, name) in columns}
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
        return cls({**found, **later}, dict(defaults), decimal, schema.prefix if open_ended else "")

    def fields(self, cells: Mapping[str, str]) -> dict[str, str]:
        """Read the fields of a row; an empty cell takes the default. Numbers come with a decimal point.

        Raises
        ------
        UserMistakeError
            A number is not written with the decimal comma that the file has.
        """
        values = dict(self.defaults)
        for name, column in self.columns.items():
            value = cells.get(column, "").strip()
            if value:
                values[name] = value
        if self.open_prefix:
            more = (name for name in cells if name.startswith(self.open_prefix) and name not in values)
            values.update({name: value for name in more if (value := cells[name].strip())})
        if self.decimal == COMMA:
            for name in NUMBERS:
                if name in values:
                    values[name] = _with_point(values[name], name)
        return values


def _with_point(value: str, name: str) -> str:
    number = with_point(value)
    if number is None:
        raise UserMistakeError(f"{name} is not a number with a decimal comma")
    return number


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = [name if len(name) <= 40 else f"{name[:39]}…" for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
