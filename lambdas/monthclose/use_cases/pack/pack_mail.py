"""Tell finance by e-mail that a close has a report pack: once for each run of the close.

The report's page is attached. The other files have every customer's data, and may be large: the e-mail says where they
are, and who may read them there is for IAM to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from monthclose.domain.errors import MonthCloseError
from monthclose.domain.money import Money
from monthclose.domain.pack.pack import REPORT, MadeFor, Pack
from monthclose.domain.period import period_in_words
from monthclose.ports import Documents, Log, Mailer
from monthclose.ports.mail import Attachment, Mail
from monthclose.templates import environment
from monthclose.use_cases.pack.pack_page import size
from monthclose.use_cases.pack.pack_store import PackPlan, PackStore
from monthclose.use_cases.proof.report import Report
from monthclose.use_cases.proof.report_pack import pack_warnings

_MOST_ATTACHED = 5_000_000
"""Bytes: a third more once they are encoded. Many mailboxes take 10 MB (SES: 40 MB)."""

_MOST_LISTED = 40
"""Files that the e-mail names; the page of contents has all."""


@dataclass(frozen=True, slots=True)
class PackMailer:
    """Sends the e-mail.

    Parameters
    ----------
    address : str
        Finance's.
    """

    mailer: Mailer
    documents: Documents
    store: PackStore
    log: Log
    company: str
    address: str

    def tell(self, plan: PackPlan, pack: Pack, report: Report) -> bool:
        """Send the e-mail about a close's pack, and return whether it was sent now.

        A pack that is made again later sends none. Trouble with mail is logged, and is no trouble for the pack.
        """
        if plan.made_for is not MadeFor.CLOSE:
            return False
        try:
            self.mailer.wait_for_turn()
            if not self.store.claim_mail(plan):
                return False
            self.mailer.send(self._mail(pack, report))
        except MonthCloseError as error:
            self.log.warning("finance could not be told of the report pack", extra={"error": type(error).__name__})
            return False
        return True

    def _mail(self, pack: Pack, report: Report) -> Mail:
        page = self.documents.get(pack.key_of(REPORT))
        attachment = Attachment(f"month-close-{pack.period}.html", page, "text/html")
        attached = (attachment,) if len(page) <= _MOST_ATTACHED else ()
        listed = [file for file in pack.files if not file.name.endswith(".parquet")]
        place = self.documents.location(pack.key_of(""))
        said = {
            "company": self.company,
            "period": str(pack.period),
            "month": period_in_words(pack.period),
            "verdict": _verdict(report),
            "warnings": pack_warnings(pack.unreadable_in_all, pack.remarks),
            "money": [(code, _sums(code, sums)) for code, sums in sorted(report["money"].items())],
            "files": [(file.name, file.what, size(file.size)) for file in listed[:_MOST_LISTED]],
            "left_out": len(pack.files) - len(listed[:_MOST_LISTED]),
            "link": f"https://console.aws.amazon.com/s3/buckets/{place['bucket']}?prefix={quote(place['key'])}",
            "command": f"monthclose pack {pack.period} --download FOLDER",
            "attached": bool(attached),
        }
        text, html = (environment().get_template(f"mail/pack.{kind}.j2").render(said) for kind in ("txt", "html"))
        subject = f"Month close {pack.period}: {said['verdict']}"
        return Mail(self.address, subject, text, html, f"pack-{pack.period}", attached)


def _verdict(report: Report) -> str:
    proof = report["proof"]
    if proof["ties"]:
        return "the books tie"
    return "not everything has been compared" if report["status"] == "not_compared" else "the books do not tie"


_SAID = ("invoiced", "collected", "open")


def _sums(currency: str, sums: Mapping[str, int]) -> str:
    return ", ".join(f"{Money(sums.get(name, 0), currency)} {name}" for name in _SAID)
