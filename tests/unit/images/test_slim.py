"""docker/project/slim.py, which runs in the build: what it removes, links and cuts off."""

import _ctypes
import importlib.util
import os
import py_compile
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def slim() -> ModuleType:
    spec = importlib.util.spec_from_file_location("slim", ROOT / "docker/project/slim.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def environment(root: Path, *files: str) -> Path:
    packages = root / "app/lib/python3.13/site-packages"
    for name in files:
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text(name)
    return packages


def left(packages: Path) -> set[str]:
    return {path.relative_to(packages).as_posix() for path in packages.rglob("*") if not path.is_dir()}


def run(slim: ModuleType, root: Path, settings: str = "") -> None:
    (root / "pyproject.toml").write_text(settings)
    slim.main(root / "app", root / "pyproject.toml")


def test_what_no_program_reads_goes_with_its_bytecode_and_its_folder(
    slim: ModuleType, tmp_path: Path
) -> None:
    packages = environment(
        tmp_path,
        "pandas/core/frame.py",
        "pandas/core/__pycache__/frame.cpython-313.pyc",
        "pandas/tests/test_frame.py",
        "pandas/tests/__pycache__/test_frame.cpython-313.pyc",
        "pandas/_libs/algos.pyi",
        "pyarrow/flight.py",
        "pyarrow/__pycache__/flight.cpython-313.pyc",
        "somebody/tests/helper.py",
    )
    run(slim, tmp_path)
    assert left(packages) == {
        "pandas/core/frame.py",
        "pandas/core/__pycache__/frame.cpython-313.pyc",
        # Not one of the packages of which we know that their tests are not imported.
        "somebody/tests/helper.py",
    }
    assert not (packages / "pandas/tests").exists()


def test_a_project_leaves_out_more_and_keeps_what_it_needs(slim: ModuleType, tmp_path: Path) -> None:
    packages = environment(
        tmp_path, "botocore/data/s3/a.json", "botocore/data/ec2/b.json", "pyarrow/flight.py"
    )
    settings = (
        '[tool.slipway.image]\nleave_out = ["botocore/data/*/*"]\nkeep = ["*/s3/*", "pyarrow/flight.py"]\n'
    )
    run(slim, tmp_path, settings)
    assert left(packages) == {"botocore/data/s3/a.json", "pyarrow/flight.py"}


def test_copies_of_a_library_become_links(slim: ModuleType, tmp_path: Path) -> None:
    packages = environment(tmp_path, "pyarrow/libarrow_python.so", "other/libarrow_python.so")
    shutil.copy2(packages / "pyarrow/libarrow_python.so", packages / "pyarrow/libarrow_python.so.26")
    run(slim, tmp_path)
    linked = packages / "pyarrow/libarrow_python.so.26"
    assert linked.is_symlink()
    assert linked.read_text() == "pyarrow/libarrow_python.so"
    assert not (packages / "other/libarrow_python.so").is_symlink()


def test_a_library_that_lost_its_symbols_still_loads(slim: ModuleType, tmp_path: Path) -> None:
    library = tmp_path / Path(_ctypes.__file__).name
    shutil.copy2(_ctypes.__file__, library)
    with library.open("ab") as file:
        file.write(b"\0" * 100_000)
    original, twin = library.stat(), tmp_path / "in-the-installers-cache.so"
    os.link(library, twin)
    assert slim.strip(library)
    assert library.stat().st_size <= original.st_size - 100_000
    assert library.stat().st_mode == original.st_mode
    assert twin.stat().st_size == original.st_size
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import _ctypes; print(_ctypes.__file__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(library)
    # Once more there is nothing left to cut.
    assert not slim.strip(library)


def test_what_is_no_library_is_left_alone(slim: ModuleType, tmp_path: Path) -> None:
    script = tmp_path / "libncurses.so"
    script.write_text("INPUT(libncurses.so.6)")
    assert not slim.strip(script)
    assert script.read_text() == "INPUT(libncurses.so.6)"


def test_every_file_and_folder_has_the_same_time(slim: ModuleType, tmp_path: Path) -> None:
    packages = environment(tmp_path, "a/b.py", "a/c.so")
    (packages / "a/link").symlink_to("b.py")
    run(slim, tmp_path)
    paths = [tmp_path / "app", *(tmp_path / "app").rglob("*")]
    assert {path.lstat().st_mtime for path in paths} == {float(slim.TIME)}


def test_when_a_package_s_sources_changed_is_forgotten(slim: ModuleType, tmp_path: Path) -> None:
    packages = environment(
        tmp_path, "own-1.dist-info/uv_cache.json", "own-1.dist-info/RECORD", "other-1.dist-info/RECORD"
    )
    (packages / "own-1.dist-info/RECORD").write_text(
        "own/a.py,sha256=x,3\nown-1.dist-info/uv_cache.json,sha256=y,4\n"
    )
    slim.forget_times(packages)
    assert not (packages / "own-1.dist-info/uv_cache.json").exists()
    assert (packages / "own-1.dist-info/RECORD").read_text() == "own/a.py,sha256=x,3\n"
    assert (packages / "other-1.dist-info/RECORD").read_text() == "other-1.dist-info/RECORD"


def test_generated_modules_are_imported_without_their_sources(slim: ModuleType, tmp_path: Path) -> None:
    packages = environment(
        tmp_path, "kubernetes/client/models/v1_pod.py", "kubernetes/watch.py", "pygments/a.py"
    )
    for source in ("kubernetes/client/models/v1_pod.py", "kubernetes/watch.py", "pygments/a.py"):
        (packages / source).write_text("def fail():\n    raise RuntimeError('here')\n")
        py_compile.compile(
            str(packages / source), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
    run(slim, tmp_path, '[tool.slipway.image]\nkeep = ["pygments/*"]\n')
    tag = f"{sys.implementation.cache_tag}.pyc"
    assert left(packages) == {
        "kubernetes/client/models/v1_pod.pyc",
        "kubernetes/watch.py",
        f"kubernetes/__pycache__/watch.{tag}",
        "pygments/a.py",
        f"pygments/__pycache__/a.{tag}",
    }
    code = "from kubernetes.client.models import v1_pod; v1_pod.fail()"
    said = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=packages, capture_output=True, text=True, check=False
    )
    assert re.search(r"v1_pod\.py\", line 2, in fail\nRuntimeError: here", said.stderr)
