"""The dependency layer: built by uv or not at all."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from stacks.config import CONTEXT_KEY, Config
from stacks.functions.bundling import CompiledCode
from stacks.functions.layer import AWS_OPERATIONS, DOCUMENTS, LayerBuildError, UvBundling, platform_of
from tests.infrastructure.synthesis import CONTEXT
from tests.unit.documents.samples import sample

_LAMBDAS = Path(__file__).parent.parent.parent / "lambdas"


def test_without_uv_the_build_says_so_and_starts_no_docker(tmp_path: Path) -> None:
    with pytest.raises(LayerBuildError, match="uv is missing: run `make setup`"):
        UvBundling((), search_path=str(tmp_path)).try_bundle(str(tmp_path))


def test_uvs_complaints_reach_the_engineer(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho 'no wheel fits' >&2\nexit 2\n")
    uv.chmod(0o755)
    with pytest.raises(LayerBuildError, match="no wheel fits"):
        UvBundling((), search_path=str(tmp_path)).try_bundle(str(tmp_path))


def test_the_layer_holds_packages_without_files_that_functions_never_read(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    made = ["botocore/data/dynamodb/2012-08-10", "botocore/data/ec2/2016-11-15", "boto3/examples", "bin", "pkg/tests"]
    uv.write_text('#!/bin/sh\nwhile [ "$1" != --target ]; do shift; done\ncd "$2" && mkdir -p ' + " ".join(made))
    uv.chmod(0o755)
    (tmp_path / "out" / "python").mkdir(parents=True)
    assert UvBundling((), search_path=f"{tmp_path}{os.pathsep}{os.environ['PATH']}").try_bundle(str(tmp_path / "out"))
    left = {path.relative_to(tmp_path / "out" / "python").as_posix() for path in tmp_path.glob("out/python/**/")}
    assert "botocore/data/dynamodb/2012-08-10" in left
    assert not left & {"botocore/data/ec2", "boto3/examples", "bin", "pkg/tests"}


def test_the_layer_includes_every_service_that_the_functions_call() -> None:
    called = {service for path in _LAMBDAS.rglob("*.py") for service in _services(path)}
    assert called, "no client found: is this test still looking in the right way?"
    assert called == AWS_OPERATIONS.keys() - {"sts", "xray"}, "change AWS_OPERATIONS in stacks/functions/layer.py"


@pytest.mark.parametrize("service", AWS_OPERATIONS)
def test_the_layer_describes_every_operation_that_the_functions_and_their_packages_call(service: str) -> None:
    """All names in their code are looked at, as operations are also called by `getattr`, and by PynamoDB's own way."""
    packages = Path(botocore.__file__).parents[1]
    callers = [
        *_LAMBDAS.rglob("*.py"),
        *packages.glob("aws_lambda_powertools/utilities/idempotency/**/*.py"),
        *packages.glob("aws_xray_sdk/core/sampling/*.py"),
        packages / "s3transfer" / "tasks.py",
        packages / "s3transfer" / "upload.py",
    ]
    said = {name for path in callers for name in _names(path)}
    operations = botocore.session.Session().get_service_model(service).operation_names
    called = {operation for operation in operations if {operation, xform_name(operation)} & said}
    assert called, "no operation found: is this test still looking in the right way?"
    assert called <= AWS_OPERATIONS[service], "add them to AWS_OPERATIONS in stacks/functions/layer.py"
    assert AWS_OPERATIONS[service] - called <= _BY_THE_SDK_ITSELF, "nothing calls them: leave them out"


_BY_THE_SDK_ITSELF = {"CreateSession", "HeadBucket"}
"""S3's, where a bucket turns out to be of another region or kind."""


_SORTED = {service: sorted(operations) for service, operations in AWS_OPERATIONS.items()}
_WHAT_CLIENTS_DO = f"""if True:
    import uuid
    import botocore.session

    uuid.uuid4 = lambda: "token"

    class Sent(Exception):
        pass

    def say(request, **more):
        body = request.body
        raise Sent(request.method, request.url, body.read() if hasattr(body, "read") else body)

    def sample(shape):
        match shape.type_name:
            case "structure":
                return {{name: sample(shape.members[name]) for name in shape.required_members}}
            case "list":
                return [sample(shape.member)]
            case "map":
                return {{"key": sample(shape.value)}}
            case "string":
                return shape.enum[0] if shape.enum else shape.metadata.get("min", 3) * "a"
            case "timestamp":
                return 0
            case "blob":
                return b"content"
            case _:
                return 1

    def described(shape, above=()):
        if shape is None or shape.name in above:
            return shape and shape.name
        parts = {{**getattr(shape, "members", {{}})}}
        parts |= {{name: getattr(shape, name) for name in ("member", "key", "value") if hasattr(shape, name)}}
        inside = {{name: described(part, (*above, shape.name)) for name, part in parts.items()}}
        return [shape.name, shape.type_name, shape.serialization, shape.metadata, inside]

    for service, operations in {_SORTED}.items():
        model = botocore.session.Session().get_service_model(service)
        calls = [model.operation_model(operation) for operation in operations]
        for call in calls:
            print(service, call.name, call.http, described(call.input_shape), described(call.output_shape))
        for region in ("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"):
            client = botocore.session.Session().create_client(service, region_name=region)
            client.meta.events.register("before-send", say)
            print(service, sorted(client.exceptions._code_to_exception))
            for call in calls:
                try:
                    client._make_api_call(call.name, sample(call.input_shape) if call.input_shape else {{}})
                except Sent as sent:
                    print("sent", service, call.name, region, *sent.args)
"""


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The functions' layer, for this machine."""
    folder = tmp_path_factory.mktemp("layer")
    assert UvBundling(("--python", sys.executable)).try_bundle(str(folder))
    return folder


@pytest.mark.long
def test_the_layers_clients_send_what_the_sdks_own_do(layer: Path) -> None:
    """Its descriptions of AWS's services are shorter: nothing of what is called may be missing."""
    said = []
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    for path in (["-S"], []):
        environment = {"HOME": str(layer), **keys, **({"PYTHONPATH": str(layer / "python")} if path else {})}
        command = [sys.executable, *path, "-c", _WHAT_CLIENTS_DO]
        said.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert said[0] == said[1]
    assert sum(line.startswith("sent ") for line in said[0].splitlines()) == 4 * sum(map(len, AWS_OPERATIONS.values()))


@pytest.mark.long
def test_every_handler_starts_with_nothing_but_the_code_and_the_layer_and_compiles_nothing(
    layer: Path, tmp_path: Path
) -> None:
    """As on AWS: no site-packages, a tracer that is not disabled (on the local AWS it is), folders read only."""
    code = tmp_path / "code"
    assert CompiledCode(_LAMBDAS).try_bundle(str(code))
    for module in (*layer.rglob("*.py"), *code.rglob("*.py")):
        os.utime(module, (0, 0))  # an archive gives them a time of its own
    handlers = [f"monthclose.handlers.{path.stem}" for path in sorted((code / "monthclose/handlers").glob("[a-z]*.py"))]
    program = f"""if True:
        import sys
        from importlib.machinery import SourceFileLoader

        compiled, compile_it = [], SourceFileLoader.source_to_code
        SourceFileLoader.source_to_code = lambda self, data, path, **more: (
            compiled.append(path) or compile_it(self, data, path, **more)
        )
        sys.path[:0] = {[str(layer / "python"), str(code)]}
        for handler in {handlers}:
            __import__(handler)
        print(*(path for path in compiled if path.startswith({(str(layer), str(code))})))
    """
    environment = {
        "AWS_LAMBDA_FUNCTION_NAME": "any",
        "AWS_REGION": "eu-west-1",
        "LAMBDA_TASK_ROOT": str(code),
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [], "compiled at every cold start"
    assert len(handlers) > 8


@pytest.mark.long
def test_a_pdf_is_made_with_nothing_but_the_two_layers(layer: Path, tmp_path: Path) -> None:
    """As on AWS: the template and the fonts are found, and factur-x has the schema that it checks by."""
    code, layers = tmp_path / "code", [layer, tmp_path / "documents"]
    assert CompiledCode(_LAMBDAS).try_bundle(str(code))
    assert UvBundling(("--python", sys.executable), requirements=DOCUMENTS).try_bundle(str(layers[1]))
    program = f"import sys; sys.path[:0] = {[*(str(layer / 'python') for layer in layers), str(code)]}\n"
    program += (
        "from monthclose.adapters.documents.e_invoice import FacturX\n"
        "from monthclose.adapters.documents.typst import TypstRenderer\n"
        "from monthclose.domain.invoices.document import InvoiceDocument\n"
        "document = InvoiceDocument.parse(sys.stdin.buffer.read())\n"
        "pdf = FacturX().embed(TypstRenderer().render(document), document)\n"
        "assert pdf.startswith(b'%PDF') and b'NotoSans' in pdf and b'NotoEmoji' in pdf\n"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, input=sample(notes=("\U0001f600",)).canonical(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    size = sum(path.stat().st_size for folder in (code, *layers) for path in folder.rglob("*") if path.is_file())
    assert size < 250 * 2**20, "AWS Lambda's quota for a function's code and layers, unzipped"


def test_on_aws_the_layer_is_built_for_arm64_whatever_machine_builds_it() -> None:
    platform = platform_of(Config.parse(CONTEXT[CONTEXT_KEY]))
    assert platform.architecture.name == "arm64"
    assert "aarch64-manylinux_2_28" in platform.uv_options


def test_on_an_emulator_the_layer_is_built_for_this_interpreter() -> None:
    platform = platform_of(Config.parse(CONTEXT[CONTEXT_KEY], '{"target": "local"}'))
    assert platform.uv_options == ("--python", sys.executable)


def _services(path: Path) -> set[str]:
    """Find the literal names given to `boto3.client`, and to a `client` of ours that passes them on."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args]
    return {
        str(call.args[0].value)
        for call in calls
        if (isinstance(call.func, ast.Attribute) and call.func.attr in ("client", "resource"))
        or (isinstance(call.func, ast.Name) and call.func.id == "client")
        if isinstance(call.args[0], ast.Constant)
    }


def _names(path: Path) -> Iterator[str]:
    """Find all names of attributes, and the texts that could be some."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
