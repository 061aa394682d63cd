"""presets.yaml: one bad preset never hides the others, and each fault is said with its line."""

from __future__ import annotations

import textwrap

import pytest

from presets.document import BadDocument, parse_document
from presets.preset import Category, Preset, PresetFile, written_size
from tests.presets.makers import HUB, document, file, preset


def parsed(text: str) -> tuple[dict[str, Preset], tuple[str, ...]]:
    found = parse_document(textwrap.dedent(text).encode())
    return found.presets, found.problems


def only(text: str) -> Preset:
    (found,) = parsed(text)[0].values()
    return found


def test_a_whole_preset_is_read() -> None:
    found = parse_document(
        textwrap.dedent(
            f"""
            metadata: {{version: 1.5.0, total_presets: 56}}
            categories:
              Pictures: {{description: All of them, type: Image, colour: red}}
            presets:
              FLUX:
                name: FLUX
                category: Pictures
                description: Large
                download_size: ~15GB
                use_case: Pictures
                tags: [flux, 1.5, flux]
                licence: extra keys are no fault
                files:
                - {{path: vae/ae.safetensors, url: {HUB}/o/r/blob/main/ae.safetensors, size: 335MB, optional: true}}
            """
        ).encode()
    )
    assert found.version == "1.5.0"
    assert found.categories == {"Pictures": Category("All of them", "image")}
    assert found.problems == ()
    assert found.presets == {
        "FLUX": Preset(
            id="FLUX",
            name="FLUX",
            category="Pictures",
            type="image",
            description="Large",
            download_size="~15GB",
            files=(PresetFile("vae/ae.safetensors", f"{HUB}/o/r/resolve/main/ae.safetensors", "335MB", optional=True),),
            use_case="Pictures",
            tags=("flux", "1.5"),
            source="file",
        )
    }


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("14.5GB", 14_500_000_000),
        ("~15GB", 15_000_000_000),
        ("9.31GB (9536MB)", 9_310_000_000),
        ("about 2 GiB", 2 * 2**30),
        ("690 MB", 690_000_000),
        ("4,2 GB", 4_200_000_000),
        ("~4,2GB", 4_200_000_000),
        ("1,234 MB", 1_234_000_000),
        ("1 234 MB", 1_234_000_000),
        ("1.234,5 MB", 1_234_500_000),
        ("2 x 4.2GB", 4_200_000_000),
        ("2 files", None),
        ("12,345,678 bytes", 12_345_678),
        ("12345678", 12_345_678),
        ("", None),
        ("large", None),
        ("9" * 40 + "GB", None),
        ("4,2 Go", 4_200_000_000),
        ("4.2\u00a0GB", 4_200_000_000),
        ("3 to 4 GB", 4_000_000_000),
        ("14B, fp8, 9.1 GB", 9_100_000_000),
        ("4.2 gigabytes", 4_200_000_000),
        ("4.2", None),
        ("0", 0),
    ],
)
def test_sizes_as_people_write_them(written: str, size: int | None) -> None:
    assert written_size(written) == size


def test_a_size_may_be_a_number_or_be_missing() -> None:
    found = parse_document(document({"A": preset(file(size=1234), file("vae/b.safetensors"))}))
    assert [one.size_guess for one in found.presets["A"].files] == [1234, None]


def test_a_category_that_is_not_listed_is_added() -> None:
    found = parse_document(document({"A": preset(category="New", type="video")}))
    assert found.categories == {"New": Category("", "video")}


BROKEN = {
    "presets: [a, b]": "Line 1: “presets:” with a list of presets by id is missing.",
    "metadata: {version: 1}": "Line 1: “presets:” with a list of presets by id is missing.",
    "presets: {}": "Not one preset can be used. Line 1: “presets:” is empty.",
    "- a\n- b": "Line 1: this is no catalogue, which begins with names like “presets:”.",
    "just text": "Line 1: this is no catalogue, which begins with names like “presets:”.",
    "presets:\n  A: 7": "Not one preset can be used. Line 2: “A” has no fields and is left out.",
    "presets:\n  A: !!python/name:os.system {}": (
        "Not one preset can be used. Line 2: “A” has the tag tag:yaml.org,2002:python/name:os.system and is left out."
    ),
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_document_without_a_preset_is_refused(text: str) -> None:
    with pytest.raises(BadDocument) as caught:
        parse_document(text.encode())
    assert str(caught.value) == BROKEN[text]


IDS = {
    "with space": "“with space” cannot be an id and is left out.",
    "../../etc/passwd": "“../../etc/passwd” cannot be an id and is left out.",
    "ümlaut": "“ümlaut” cannot be an id and is left out.",
    "A" * 201: "cannot be an id and is left out.",
    "queue": "“queue” cannot be an id and is left out.",
    "refresh": "“refresh” cannot be an id and is left out.",
    "categories": "“categories” cannot be an id and is left out.",
    "template:flux": "“template:flux” is left out: ids that begin with template:, workflow:, lock: are taken.",
}


@pytest.mark.parametrize("bad", IDS)
def test_an_id_that_cannot_be_one_hides_no_other(bad: str) -> None:
    found = parse_document(document({bad: preset(), "GOOD": preset()}))
    assert list(found.presets) == ["GOOD"]
    assert len(found.problems) == 1
    assert IDS[bad] in found.problems[0]


def test_of_an_id_that_is_there_twice_the_first_one_counts() -> None:
    presets, problems = parsed(
        f"""\
        presets:
          A: {{name: First, files: [{{path: vae/a.pt, url: {HUB}/o/r/resolve/main/a.pt}}]}}
          A: {{name: Second, files: [{{path: vae/a.pt, url: {HUB}/o/r/resolve/main/a.pt}}]}}
        """
    )
    assert presets["A"].name == "First"
    assert problems == ("Line 3: The id “A” is there twice; the first one is used.",)


def test_a_field_that_is_there_twice_is_said() -> None:
    found = only(
        f"""\
        presets:
          A:
            name: First
            name: Second
            files: [{{path: vae/a.pt, url: {HUB}/o/r/resolve/main/a.pt}}]
        """
    )
    assert (found.name, found.warnings) == ("First", ("Line 4: “name” is there twice in “A”; the first one is used.",))


WRONG_TYPES = ["7", "[1, [2]]", "{a: {b: c}}", "~", "!tag x", '""', "true", "1e999", ".nan", "2025-01-01"]


@pytest.mark.parametrize("value", WRONG_TYPES)
@pytest.mark.parametrize(
    "name", ["name", "category", "type", "description", "download_size", "use_case", "tags", "files", "surplus"]
)
def test_a_wrong_type_in_a_field_hides_no_other_preset(name: str, value: str) -> None:
    presets, _ = parsed(
        f"""\
        presets:
          BAD:
            {name}: {value}
          GOOD:
            name: Good
            files: [{{path: vae/a.pt, url: {HUB}/o/r/resolve/main/a.pt}}]
        """
    )
    assert presets["GOOD"].problem == ""
    assert presets["BAD"].problem


@pytest.mark.parametrize("value", WRONG_TYPES)
@pytest.mark.parametrize("name", ["path", "url", "size", "optional"])
def test_a_wrong_type_in_a_file_is_a_fault_of_its_preset(name: str, value: str) -> None:
    fields = {"path": "vae/a.pt", "url": f"{HUB}/o/r/resolve/main/a.pt", "size": "1GB", "optional": "false"}
    lines = "\n".join(f"      {key}: {value if key == name else given}" for key, given in fields.items())
    found = parse_document(f"presets:\n  A:\n    files:\n    -\n{lines}\n".encode()).presets["A"]
    assert bool(found.problem) == (name in {"path", "url"})
    assert len(found.files) == (name not in {"path", "url"})


@pytest.mark.parametrize(
    "url",
    ["", "file:///etc/passwd", "ftp://host/a.pt", "http://", "javascript:alert(1)"],
)
def test_a_file_without_a_usable_address_keeps_its_preset_from_being_installed(url: str) -> None:
    found = parse_document(document({"A": preset(file(url=url or " "), file("vae/b.pt"))})).presets["A"]
    assert [one.path for one in found.files] == ["vae/b.pt"]
    assert found.problem.startswith("Line 10: checkpoints/a.safetensors has no http(s) address that can be used.")
    assert "secret" not in " ".join(found.warnings)


@pytest.mark.parametrize("path", ["../x.pt", "/etc/x.pt", "vae/../../x.pt", "C:/x.pt", "vae/x.exe", "vae/\\x.pt", ""])
def test_a_path_that_leaves_the_models_folder_is_a_problem(path: str) -> None:
    found = parse_document(document({"A": preset(file(path, url=f"{HUB}/o/r/resolve/main/x.pt"))})).presets["A"]
    assert (found.files, found.problem[:5]) == ((), "Line ")


def test_a_bad_optional_file_only_warns() -> None:
    found = parse_document(document({"A": preset(file(), file("../b.pt", optional=True))})).presets["A"]
    assert (found.problem, len(found.files), len(found.warnings)) == ("", 1, 1)


def test_a_path_that_is_there_twice_is_fetched_once_also_under_the_folders_other_name() -> None:
    found = parse_document(
        document({"A": preset(file("unet/a.safetensors"), file("diffusion_models/a.safetensors"))})
    ).presets["A"]
    assert [one.path for one in found.files] == ["unet/a.safetensors"]
    assert found.warnings == ("Line 11: diffusion_models/a.safetensors is there twice; the first one is used.",)


def test_a_pickle_under_a_safetensors_name_is_warned_of() -> None:
    url = f"{HUB}/openai/clip/resolve/main/pytorch_model.bin"
    found = parse_document(document({"A": preset(file("text_encoders/clip_l.safetensors", url))})).presets["A"]
    assert found.problem == ""
    assert found.warnings == (
        "Line 9: text_encoders/clip_l.safetensors is pytorch_model.bin under another name. ComfyUI cannot load a .bin "
        "file as .safetensors, so its install is refused before anything is fetched.",
    )


def test_texts_are_cut_and_lose_their_control_characters() -> None:
    text = 'presets: {A: {name: "a\\x07\\0b", description: "%s", files: []}}' % ("x" * 9000)
    found = parse_document(text.encode()).presets["A"]
    assert (found.name, len(found.description), found.description[-1]) == ("ab", 4000, "…")


def test_the_numbers_of_things_are_bounded() -> None:
    many = preset(*[file(f"vae/{n}.pt") for n in range(600)], tags=[f"t{n}" for n in range(100)])
    found = parse_document(document({"A": many})).presets["A"]
    assert (len(found.files), len(found.tags)) == (500, 50)
    assert len(found.warnings) == 2


def test_an_alias_bomb_in_the_files_is_cheap() -> None:
    bomb = [b"x0: &x0 [a, a, a]"] + [b"x%d: &x%d [*x%d, *x%d, *x%d]" % (n, n, *[n - 1] * 3) for n in range(1, 60)]
    text = b"\n".join([*bomb, b"presets: {A: {tags: *x59, files: *x59}}"])
    assert parse_document(text).presets["A"].problem


@pytest.mark.parametrize("front", ["models/", "ComfyUI/models/", "./models/", "comfyui/Models/", "models/models/"])
def test_the_models_folder_in_front_of_a_path_is_taken_off_and_said(front: str) -> None:
    found = parse_document(document({"A": preset(file(f"{front}loras/x.safetensors"))})).presets["A"]
    assert [one.path for one in found.files] == ["loras/x.safetensors"]
    assert [text for text in found.warnings if f"{front}loras/x.safetensors is read as loras/x.safetensors" in text]
    assert not found.problem


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("lora/x.safetensors", "Is loras meant?"),
        ("Checkpoint/x.safetensors", "Is checkpoints meant?"),
        ("text_encoder/x.safetensors", "Is text_encoders meant?"),
        ("LORAS/x.safetensors", "Is loras meant?"),
        ("x.safetensors", "names no folder"),
        ("ComfyUI/vae/x.safetensors", "has no folder ComfyUI"),
        ("loras/x.zip", "does not unpack"),
    ],
)
def test_a_place_that_comfyui_will_not_look_at_is_a_warning_and_stays(path: str, said: str) -> None:
    found = parse_document(document({"A": preset(file(path))})).presets["A"]
    assert ([one.path for one in found.files], found.problem) == ([path], "")
    assert said in " ".join(found.warnings)


@pytest.mark.parametrize("path", ["loras/x.safetensors", "ipadapter/x.bin", "sams/x.pth", "my_pack/x.onnx"])
def test_a_folder_of_comfyui_or_of_a_node_pack_is_no_slip(path: str) -> None:
    assert parse_document(document({"A": preset(file(path))})).presets["A"].warnings == ()


@pytest.mark.parametrize("name", ["tags.csv", "m.onnx_data", "m.onnx.data", "M.ONNX.DATA", "pack.zip"])
def test_files_that_models_need_are_installable(name: str) -> None:
    assert parse_document(document({"A": preset(file(f"onnx/{name}"))})).presets["A"].problem == ""


def test_blanks_in_an_address_are_written_as_they_are_sent() -> None:
    found = parse_document(document({"A": preset(file(url="https://h.example/a b.safetensors"))})).presets["A"]
    assert [one.url for one in found.files] == ["https://h.example/a%20b.safetensors"]


def test_a_merge_key_gives_presets_what_they_share() -> None:
    found = only(
        f"""
        shared: &base {{category: Pictures, type: image}}
        presets:
          A:
            <<: *base
            files: {{path: vae/a.safetensors, url: {HUB}/o/r/resolve/main/a.safetensors}}
        """
    )
    assert (found.category, found.type, len(found.files), found.warnings) == ("Pictures", "image", 1, ())


def test_a_merge_key_of_nothing_is_said() -> None:
    found = only("presets: {A: {<<: base, files: []}}")
    assert "“<<” in “A” names nothing that has fields" in found.warnings[0]


def test_a_list_of_presets_with_ids_is_read() -> None:
    text = f"presets:\n- id: A\n  files:\n  - {{path: vae/a.sft, url: {HUB}/o/r/resolve/main/a.sft}}\n"
    assert list(parse_document(text.encode()).presets) == ["A"]


def test_a_second_document_in_the_file_is_said() -> None:
    found = parse_document(document({"A": preset()}) + b"---\npresets: {B: {}}\n")
    assert (list(found.presets), len(found.problems)) == (["A"], 1)
    assert "second document" in found.problems[0]


def test_windows_ends_of_lines_and_its_mark_of_utf8_are_no_fault() -> None:
    found = parse_document(b"\xef\xbb\xbf" + document({"A": preset()}).replace(b"\n", b"\r\n"))
    assert (list(found.presets), found.problems) == (["A"], ())


@pytest.mark.parametrize(("word", "read"), [("Y", True), ("n", False), ("off", False), ("On", True), ("1", True)])
def test_yes_and_no_are_read_in_every_spelling(word: str, read: bool) -> None:
    text = f"presets: {{A: {{files: [{{path: vae/x.pt, url: 'https://h/x.pt', optional: {word}}}]}}}}"
    found = parse_document(text.encode()).presets["A"]
    assert [one.optional for one in found.files] == [read]
    assert [warning for warning in found.warnings if "optional" in warning] == []
