import hashlib
import io
import json
import tarfile
from pathlib import Path

from slipway.cluster import archives


def image(folder: Path, time: int = 0) -> archives.Image:
    source = folder / "packages.tar"
    with tarfile.open(source, "w") as packages:
        for name in ("./lib/libc.so", "./usr/share/doc/readme"):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = 4, time
            packages.addfile(member, io.BytesIO(b"text"))
    return archives.Image(
        "docker.io/slipway/one:node",
        (
            archives.part_of(source, lambda path: path.startswith("lib")),
            archives.files({"bin/program": b"#!"}),
            archives.links({"bin/sh": "program"}),
            archives.folder("data", 65532),
        ),
        entrypoint=("/bin/program",),
        user="65532:65532",
    )


def test_the_archive_is_what_docker_load_reads(tmp_path: Path) -> None:
    archives.write_image(image(tmp_path), tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as archive:
        read = {name: archive.extractfile(name).read() for name in archive.getnames()}
    (manifest,) = json.loads(read["manifest.json"])
    assert manifest["RepoTags"] == ["docker.io/slipway/one:node"]
    configuration = json.loads(read[manifest["Config"]])
    assert configuration["config"]["Entrypoint"] == ["/bin/program"]
    assert configuration["config"]["User"] == "65532:65532"
    digests = [f"sha256:{hashlib.sha256(read[layer]).hexdigest()}" for layer in manifest["Layers"]]
    assert configuration["rootfs"]["diff_ids"] == digests
    members: dict[str, tarfile.TarInfo] = {}
    for layer in manifest["Layers"]:
        with tarfile.open(fileobj=io.BytesIO(read[layer])) as content:
            members |= {member.name: member for member in content}
    assert sorted(members) == ["bin/program", "bin/sh", "data", "lib/libc.so"]
    assert members["bin/program"].mode == 0o755
    assert members["bin/sh"].linkname == "program"
    assert members["data"].uid == 65532


def test_the_same_contents_make_the_same_bytes(tmp_path: Path) -> None:
    for time, name in enumerate(("first", "second")):
        (tmp_path / name).mkdir()
        archives.write_image(image(tmp_path / name, time), tmp_path / name / "image.tar")
    assert (tmp_path / "first/image.tar").read_bytes() == (tmp_path / "second/image.tar").read_bytes()
