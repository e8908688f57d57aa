"""The register, in the bucket of documents."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from botocore.exceptions import ClientError

from monthclose.adapters.aws.clients import client
from monthclose.adapters.aws.s3_streams import translated
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.closes.close import BatchProgress
from monthclose.domain.month import CustomerMonth
from monthclose.domain.register.objects import (
    RegisterObject,
    account_object,
    batch_object,
    complete_object,
    customers_object,
    profiles_object,
)
from monthclose.ports import Clock, Log
from monthclose.ports.register import ListedObject

_RETRIES, _READ_TIMEOUT = 1, 5
"""A stage must not wait long for what is made good later: a quarter of a minute at most."""


class S3Register:
    """`Register` and `RegisterObjects` on S3."""

    def __init__(self, bucket: str, clock: Clock, log: Log) -> None:
        self._bucket, self._clock, self._log = bucket, clock, log

    def put_batch(
        self,
        progress: BatchProgress,
        months: Iterable[CustomerMonth],
        *,
        customers: Iterable[tuple[Customer, datetime]] = (),
        read_at: datetime | None = None,
    ) -> bool:
        """Put the batch's object."""
        return self._put(lambda: batch_object(progress, months, customers, read_at or progress.time))

    def put_customers(self, customers: Iterable[Customer], read_at: datetime) -> bool:
        """Put an object of their own."""
        return self._put(lambda: customers_object(customers, read_at))

    def end_customers(self) -> bool:
        """Put the object that ends the list."""
        return self._put(lambda: complete_object(self._clock()))

    def put_profiles(self, profiles: Iterable[tuple[str, Profile]]) -> bool:
        """Put an object of their own."""
        return self._put(lambda: profiles_object(profiles, self._clock()))

    def put_account(self, customer: Customer) -> bool:
        """Put the customer's object."""
        return self._put(lambda: account_object(customer, self._clock()))

    def _put(self, make: Callable[[], RegisterObject]) -> bool:
        try:
            made = make()
            client("s3", retries=_RETRIES, read_timeout=_READ_TIMEOUT).put_object(
                Bucket=self._bucket, Key=made.key, Body=made.content, ContentType="application/gzip"
            )
        except Exception as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            self._log.warning(
                "the register, which lists are made of, was not written",
                extra={"error": type(error).__name__, "code": code},
            )
            return False
        return True

    def listed(self, prefix: str) -> Iterator[ListedObject]:
        """Ask page by page."""
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:
            for entry in page.get("Contents", ()):
                yield ListedObject(entry["Key"], entry["ETag"], entry["LastModified"])

    def content(self, key: str) -> bytes:
        """Get an object."""

        def read(**arguments: str) -> bytes:
            content: bytes = client("s3").get_object(**arguments)["Body"].read()
            return content

        return translated(read, Bucket=self._bucket, Key=key)
