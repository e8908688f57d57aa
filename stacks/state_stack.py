"""The stack of everything that must outlive every deployment."""

from aws_cdk import Stack
from constructs import Construct

from stacks.config import Config
from stacks.state.documents import Documents
from stacks.state.link_keys import link_keys
from stacks.state.tables import Tables
from stacks.state.usage_bucket import usage_bucket


class StateStack(Stack):
    """Tables, documents, usage files, keys of links. On AWS neither they nor the stack can be deleted by mistake."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Month close: tables and documents",
            termination_protection=not config.local,
        )
        self.tables = Tables(self, "Tables", config=config)
        self.documents = Documents(self, "Storage", config=config)
        self.usage = usage_bucket(self, "Usage", config=config, logs=self.documents.logs)
        self.link_keys = link_keys(self, "InvoiceLinkKeys", config=config)
