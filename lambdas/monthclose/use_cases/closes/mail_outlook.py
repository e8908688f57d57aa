"""What the account's mail quota means for a close, for the warnings of its plan."""

from dataclasses import dataclass

from monthclose.domain.notices.sending import MailSettings, mail_warnings
from monthclose.errors import TryLaterError
from monthclose.ports import MailAccount


@dataclass(frozen=True, slots=True)
class MailOutlook:
    """Warns of e-mails that take long, or that don't fit into the day's quota."""

    account: MailAccount
    settings: MailSettings

    def warnings(self, emails: int, charging_seconds: int) -> list[str]:
        """Write the warnings for one e-mail per customer; none if the mail service does not say what it allows."""
        try:
            quota = self.account.quota()
        except TryLaterError:
            return []
        return mail_warnings(emails, charging_seconds, quota, self.settings)
