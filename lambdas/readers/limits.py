"""How much the readers take in and give out. Each limit that bites is named in the record it cut."""

from __future__ import annotations

MIB = 1024 * 1024

MAX_READ = 32 * MIB  # of an object, by the caller's ranged GET: a PDF can be read only whole
MAX_TEXT_BYTES = 8 * MIB  # of a document in a text format that is decoded
SAMPLE = 64 * 1024  # inspected to detect the format

MAX_TEXT = 1 * MIB  # characters of text and table cells together in one record
MAX_PAGES = 200
MAX_ROWS = 2_000  # of one table
MAX_COLUMNS = 64
MAX_CELL = 4_000  # characters
MAX_BLOCKS = 2_000
MAX_WARNINGS = 50
MAX_METADATA = 50  # pairs
MAX_METADATA_VALUE = 1_000  # characters
MAX_NAME = 1_024
MAX_PLACE = 2_000  # characters of a location within a document

MAX_JSON_VALUES = 400_000  # some 60 MB once parsed
MAX_JSON_DEPTH = 100
MAX_XML_NODES = 400_000  # elements, their ends and attributes
MAX_XML_DEPTH = 100
MAX_SEGMENTS = 100_000  # of an HL7 v2 file
MAX_FIELDS = 200  # of one segment; what follows counts as the last one's content
MAX_ATTRIBUTES = 200  # of one entity
MAX_CANDIDATES = 100  # patient ids in one record; further ones only if they name someone new
MAX_CANDIDATE = 256  # characters of one patient id

MAX_PICTURE_SIDE = 1_200  # pixels of the picture on the page
MAX_PICTURE = 256 * 1024  # bytes of it
MAX_DECODED = 96 * MIB  # of an image in memory: 25 megapixels in colour, of a JPEG far more
PICTURE_SECONDS = 15  # of the child's time

MAX_UNPACKED = 96 * MIB  # of an Office document, pictures and all, by its directory
MAX_UNPACKED_XML = 24 * MIB  # of its markup, some 150 MB once parsed
MAX_PARTS = 5_000  # files in it
MAX_SHEETS = 50
MAX_CELLS = 300_000  # of a workbook, empty ones too
MAX_EMAIL_PARTS = 500

MAX_READ_HERE = 256 * 1024  # bytes of a document that is read in the function's own process, at most
MAX_HTML_STEPS = 500_000_000  # up the tree, from each element that begins: some seconds of the parser
MAX_EMAIL_BOUNDARIES = 10_000  # lines that may begin a part
READING_SECONDS = 30  # after which a reader in a process of its own ends, and what it has read so far is kept
CHILD_SECONDS = 45  # after which that process ends
CHILD_MEMORY = 256 * MIB  # of data, of a function with twice that; of a smaller one, half of what it has
MAX_ANSWER = 64 * MIB  # bytes that it may say: far more than the largest record and its picture
