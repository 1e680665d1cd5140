"""The messages in Python, from the .proto: python proto/generate.py

The package is shop.v1, and the door lies elsewhere: what protoc makes is moved there.
"""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import google.type
from grpc_tools import protoc

HERE = Path(__file__).parent
DOOR = HERE.parent / "shop" / "doors" / "grpc"
COMMON = Path(next(iter(google.type.__path__))).parent.parent
BUILT_IN = Path(protoc.__file__).parent / "_proto"
SOURCE = "shop/v1/shop.proto"


def run(*options: str) -> None:
    if protoc.main(["protoc", f"-I{HERE}", f"-I{COMMON}", f"-I{BUILT_IN}", *options, SOURCE]):
        sys.exit("protoc refuses")


def generate(to: Path) -> None:
    with TemporaryDirectory() as folder:
        run(f"--python_out={folder}", f"--pyi_out={folder}")
        for made in (Path(folder) / "shop" / "v1").iterdir():
            shutil.copy(made, to / made.name)


def image(to: Path) -> None:
    """All that the .proto says and needs, in one file for buf."""
    run("--include_imports", "--include_source_info", f"--descriptor_set_out={to}")


if __name__ == "__main__":
    generate(DOOR)
