"""What a file is, detected from its first bytes: for the record of files that no reader reads.

A table of signatures, most specific first. Names and declared types are not believed.
"""

from __future__ import annotations

import re

from lambdas.readers.limits import SAMPLE
from lambdas.readers.source import Source

_OCTETS = ("unknown", "application/octet-stream")

# offset, bytes, format, media type
_SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"%PDF-", "pdf", "application/pdf"),
    (128, b"DICM", "dicom", "application/dicom"),
    (0, b"\x89PNG\r\n\x1a\n", "png", "image/png"),
    (0, b"\xff\xd8\xff", "jpeg", "image/jpeg"),
    (0, b"GIF87a", "gif", "image/gif"),
    (0, b"GIF89a", "gif", "image/gif"),
    (0, b"II*\x00", "tiff", "image/tiff"),
    (0, b"MM\x00*", "tiff", "image/tiff"),
    (0, b"BM", "bmp", "image/bmp"),
    (8, b"WEBP", "webp", "image/webp"),
    (8, b"WAVE", "wav", "audio/wav"),
    (8, b"AVI ", "avi", "video/x-msvideo"),
    (4, b"ftypheic", "heic", "image/heic"),
    (4, b"ftypheix", "heic", "image/heic"),
    (4, b"ftypmif1", "heif", "image/heif"),
    (4, b"ftypavif", "avif", "image/avif"),
    (4, b"ftypqt", "mov", "video/quicktime"),
    (4, b"ftypM4A", "m4a", "audio/mp4"),
    (4, b"ftyp", "mp4", "video/mp4"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jp2", "image/jp2"),
    (0, b"\xff\x4f\xff\x51", "j2k", "image/x-jp2-codestream"),
    (0, b"ID3", "mp3", "audio/mpeg"),
    (0, b"\xff\xfb", "mp3", "audio/mpeg"),
    (0, b"OggS", "ogg", "audio/ogg"),
    (0, b"fLaC", "flac", "audio/flac"),
    (0, b"\x1a\x45\xdf\xa3", "matroska", "video/x-matroska"),
    (0, b"{\\rtf", "rtf", "application/rtf"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole", "application/x-ole-storage"),
    (0, b"\x1f\x8b", "gzip", "application/gzip"),
    (0, b"BZh", "bzip2", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "xz", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "seven-zip", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "rar", "application/vnd.rar"),
    (257, b"ustar", "tar", "application/x-tar"),
    (0, b"SQLite format 3\x00", "sqlite", "application/vnd.sqlite3"),
    (0, b"\x7fELF", "elf", "application/x-elf"),
    (0, b"MZ", "exe", "application/vnd.microsoft.portable-executable"),
    (0, b"\x00asm", "wasm", "application/wasm"),
)

_OPENDOCUMENT = {
    b"application/vnd.oasis.opendocument.text": "odt",
    b"application/vnd.oasis.opendocument.spreadsheet": "ods",
    b"application/vnd.oasis.opendocument.presentation": "odp",
    b"application/vnd.oasis.opendocument.graphics": "odg",
    b"application/epub+zip": "epub",
}
# Names of parts that distinguish one ZIP from another, the most specific first.
_BY_PARTS = (
    (b"xl/workbook.bin", "xlsb", "application/vnd.ms-excel.sheet.binary.macroenabled.12"),
    (b"visio/document.xml", "vsdx", "application/vnd.ms-visio.drawing"),
    (b".fdseq", "xps", "application/vnd.ms-xpsdocument"),
    (b"Index/Document.iwa", "iwork", "application/vnd.apple.iwork"),
    (b"AndroidManifest.xml", "apk", "application/vnd.android.package-archive"),
    (b"META-INF/MANIFEST.MF", "jar", "application/java-archive"),
)
# Streams of old Office files, by their names in the directory.
_BY_STREAMS = (
    ("EncryptedPackage", "ole", "application/x-ole-storage"),  # a new file under a password
    ("WordDocument", "doc", "application/msword"),
    ("Workbook", "xls", "application/vnd.ms-excel"),
    ("Book", "xls", "application/vnd.ms-excel"),
    ("PowerPoint Document", "ppt", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "msg", "application/vnd.ms-outlook"),
    ("VisioDocument", "vsd", "application/vnd.visio"),
)
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN_XML = (
    (b"word/", "docx", _OFFICE + "wordprocessingml.document"),
    (b"xl/", "xlsx", _OFFICE + "spreadsheetml.sheet"),
    (b"ppt/", "pptx", _OFFICE + "presentationml.presentation"),
)

# Atomic and possessive, so that no text takes more than one pass.
_XML = re.compile(
    r"(?:<\?(?>.*?\?>)\s*+|<!--(?>.*?-->)\s*+|<!DOCTYPE\b[^>\[]*+(?:\[[^\]]*+\][^>]*+)?+>\s*+)*+"
    r"<([A-Za-z_][\w:.-]*+)[\s/>]",
    re.DOTALL,
)
_HTML_TAGS = {"html", "head", "body", "div", "p", "table", "script", "style", "meta", "title", "h1", "span"}


def detect(source: Source) -> tuple[str, str]:
    """Format and media type of a file, as far as its content shows them."""
    head = source.head
    for offset, signature, format_, media_type in _SIGNATURES:
        # "BMI 24" and "ID3 Mrs Smith" are notes: letters prove nothing where all of it is text.
        if head.startswith(signature, offset) and not (signature.isalnum() and source.decoded):
            return (format_, media_type) if format_ != "ole" else _detect_in_ole(source.data)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        # The directory of a ZIP lies at its end.
        return _detect_in_zip(head + source.data[-SAMPLE:])
    return detect_markup(source) or _OCTETS


def detect_markup(source: Source) -> tuple[str, str] | None:
    """Format and media type of a text that is written in a markup language, None for any other."""
    text = source.text_head[:8192]
    if text.startswith("{\\rtf"):
        return "rtf", "application/rtf"
    if not text.startswith("<"):
        return None
    if text[:14].lower() == "<!doctype html":
        return "html", "text/html"
    match = _XML.match(text) or (
        _XML.match(source.text.lstrip()) if text.startswith(("<?", "<!")) else None  # a long comment may lead
    )
    if match is None:
        return ("xml", "application/xml") if text.startswith("<?xml") else None
    root = match[1].rpartition(":")[2]
    if root.lower() in _HTML_TAGS:
        return "html", "text/html"
    if root == "svg":
        return "svg", "image/svg+xml"
    if root == "ClinicalDocument":
        return "cda", "application/hl7-cda+xml"
    return "xml", "application/xml"


def _detect_in_zip(head: bytes) -> tuple[str, str]:
    # An OpenDocument's first member is its media type, uncompressed; Office's parts lie in a folder of their
    # own.
    if head[30:38] == b"mimetype":
        for media_type, format_ in _OPENDOCUMENT.items():
            if head.startswith(media_type, 38):
                return format_, media_type.decode()
    for part, format_, media_type_name in _BY_PARTS:
        if part in head:
            return format_, media_type_name
    if b"[Content_Types].xml" in head:
        for folder, format_, media_type_name in _OPEN_XML:
            if folder in head:
                return format_, media_type_name
    return "zip", "application/zip"


def _detect_in_ole(data: bytes) -> tuple[str, str]:
    """By the names in the container's directory, of which the first sector is looked for by the header."""
    shift = min(int.from_bytes(data[30:32], "little"), 12)
    start = (int.from_bytes(data[48:52], "little") + 1) << shift
    directory = data[start : start + SAMPLE]
    for name, format_, media_type in _BY_STREAMS:
        if (name + "\0").encode("utf-16-le") in directory:
            return format_, media_type
    return "ole", "application/x-ole-storage"
