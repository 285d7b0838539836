"""What a person sees in a Word document: boxes that are ticked, signs, what was taken back, and other kinds of file."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator

import docx
import pytest

from carefile.core.documents.extraction import Extraction, Status, TextBlock
from tests.readers.here import read_here
from tests.readers.made import png_of
from tests.readers.office import docx_of, with_part
from tests.readers.reading import codes, read_bytes
from tests.readers.test_workbooks import strict

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with read_here():
        yield


def letter(body: str) -> bytes:
    names = f'xmlns:w="{WORD}" xmlns:r="{RELATIONS}" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    markup = f"<w:document {names}><w:body>{body}</w:body></w:document>"
    return with_part(docx_of("x"), "word/document.xml", markup.encode())


def body_of(extraction: Extraction) -> str:
    blocks = (block for block in extraction.content if isinstance(block, TextBlock))
    return "\n".join(block.text for block in blocks if block.section is None)


def run(inner: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr>{inner}</w:r>"


def word(text: str, properties: str = "") -> str:
    return run(f'<w:t xml:space="preserve">{text}</w:t>', properties)


WINGDINGS = '<w:rFonts w:ascii="Wingdings" w:hAnsi="Wingdings"/>'


@pytest.mark.parametrize(
    ("inner", "shown"),
    [
        (run('<w:sym w:font="Wingdings" w:char="F0FE"/>') + word(" yes"), "☑ yes"),
        (run('<w:sym w:font="Wingdings" w:char="F0A8"/>') + word(" no"), "☐ no"),
        (run('<w:sym w:font="Wingdings 2" w:char="F052"/>') + word(" yes"), "☑ yes"),
        (word("\uf0fe", WINGDINGS) + word(" yes"), "☑ yes"),
        (run('<w:sym w:font="Symbol" w:char="F0B3"/>') + word(" 7.1"), "≥ 7.1"),
        (run('<w:sym w:font="Dingbats" w:char="F0B3"/>') + word(" 7.1"), "\ufffd 7.1"),
        (run('<w:sym w:char="?"/>') + word(" 7.1"), "\ufffd 7.1"),
        (run("<w:fldChar><w:ffData><w:checkBox><w:checked/></w:checkBox></w:ffData></w:fldChar>"), "☒"),
        (
            run(
                '<w:fldChar><w:ffData><w:checkBox><w:default w:val="1"/></w:checkBox></w:ffData></w:fldChar>'
            ),
            "☒",
        ),
        (
            run(
                '<w:fldChar><w:ffData><w:checkBox><w:default w:val="1"/><w:checked w:val="0"/></w:checkBox>'
                "</w:ffData></w:fldChar>"
            ),
            "☐",
        ),
        (
            run(
                '<w:fldChar><w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="yes"/>'
                '<w:listEntry w:val="no"/></w:ddList></w:ffData></w:fldChar>'
            ),
            "no",
        ),
        ("<m:oMath><m:r><m:t>BMI=32</m:t></m:r></m:oMath>", "BMI=32"),
    ],
)
def test_a_box_and_a_sign_are_characters(inner: str, shown: str) -> None:
    assert body_of(read_bytes(letter(f"<w:p>{inner}</w:p>"))) == shown


@pytest.mark.parametrize(
    ("inner", "shown"),
    [
        (
            f"{word('Take ')}<w:del><w:r><w:delText>50 mg</w:delText></w:r></w:del>{word(' 5 mg')}",
            "[deleted: 50 mg]",
        ),
        (word("Take ") + word("50 mg", "<w:strike/>") + word(" 5 mg"), "[struck out: 50 mg]"),
        (
            word("Take ") + word("50", "<w:dstrike/>") + word(" mg", "<w:strike/>") + word(" 5 mg"),
            "[struck out: 50 mg]",
        ),
        (word("Take ") + word("50 mg", '<w:strike w:val="0"/>') + word(" 5 mg"), "50 mg"),
    ],
)
def test_what_was_taken_back_is_marked(inner: str, shown: str) -> None:
    assert body_of(read_bytes(letter(f"<w:p>{inner}</w:p>"))) == f"Take {shown} 5 mg"


def test_a_style_may_strike_text_out() -> None:
    document = docx.Document()
    style = document.styles.add_style("Gone", docx.enum.style.WD_STYLE_TYPE.CHARACTER)
    style.font.strike = True
    document.add_paragraph("Take ").add_run("50 mg", style="Gone")
    file = io.BytesIO()
    document.save(file)
    assert body_of(read_bytes(file.getvalue())) == "Take [struck out: 50 mg]"


def macros(data: bytes) -> bytes:
    """The same letter as a file with macros."""
    kinds = zipfile.ZipFile(io.BytesIO(data)).read("[Content_Types].xml")
    kinds = kinds.replace(MAIN, b"application/vnd.ms-word.document.macroEnabled.main+xml")
    return with_part(with_part(data, "[Content_Types].xml", kinds), "word/vbaProject.bin", b"x")


def template(data: bytes) -> bytes:
    kinds = zipfile.ZipFile(io.BytesIO(data)).read("[Content_Types].xml")
    return with_part(
        data,
        "[Content_Types].xml",
        kinds.replace(b"wordprocessingml.document.main", b"wordprocessingml.template.main"),
    )


@pytest.mark.parametrize(("form", "warned"), [(strict, set()), (macros, {"macros"}), (template, set())])
def test_other_kinds_of_file_are_read_alike(form: Callable[[bytes], bytes], warned: set[str]) -> None:
    plain, other = read_bytes(docx_of("Ana")), read_bytes(form(docx_of("Ana")))
    assert other.status is Status.READ
    assert other.document.format == "docx"
    assert other.content == plain.content
    assert codes(other) == warned


def test_a_main_part_may_have_a_number() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx_of("Ana"))) as package, zipfile.ZipFile(file, "w") as out:
        for entry in package.infolist():
            name = entry.filename.replace("word/document.xml", "word/document2.xml")
            name = name.replace("word/_rels/document.xml.rels", "word/_rels/document2.xml.rels")
            out.writestr(name, package.read(entry).replace(b"word/document.xml", b"word/document2.xml"))
    assert read_bytes(file.getvalue()).content == read_bytes(docx_of("Ana")).content


@pytest.mark.parametrize(
    ("kind", "data", "shown"),
    [
        ("text/html", b"<html><body><p>Do <del>not</del> stop</p></body></html>", "Do [deleted: not] stop"),
        ("application/rtf", rb"{\rtf1 Do not stop}", "Do not stop"),
        ("text/plain", b"Do not stop", "Do not stop"),
        ("application/octet-stream", b"PK..", None),
    ],
)
def test_a_part_of_another_format_is_read_or_told(kind: str, data: bytes, shown: str | None) -> None:
    package = letter('<w:p><w:r><w:t>before</w:t></w:r></w:p><w:altChunk r:id="rId99"/>')
    rels = zipfile.ZipFile(io.BytesIO(package)).read("word/_rels/document.xml.rels")
    chunk = (
        f'<Relationship Id="rId99" Type="{RELATIONS}/aFChunk" Target="chunk.dat"/></Relationships>'.encode()
    )
    package = with_part(package, "word/_rels/document.xml.rels", rels.replace(b"</Relationships>", chunk))
    kinds = zipfile.ZipFile(io.BytesIO(package)).read("[Content_Types].xml")
    default = f'<Default Extension="dat" ContentType="{kind}"/></Types>'.encode()
    package = with_part(package, "[Content_Types].xml", kinds.replace(b"</Types>", default))
    extraction = read_bytes(with_part(package, "word/chunk.dat", data))
    assert "before" in body_of(extraction)
    assert shown in body_of(extraction) if shown else codes(extraction) == {"embedded"}


def test_pictures_are_told_with_their_number() -> None:
    document = docx.Document()
    document.add_paragraph("x")
    for text in ("a", "b"):
        document.add_picture(io.BytesIO(png_of(text)))
    file = io.BytesIO()
    document.save(file)
    warning = next(w for w in read_bytes(file.getvalue()).warnings if w.code == "pictures")
    assert re.search(r"\b2 pictures", warning.message)
