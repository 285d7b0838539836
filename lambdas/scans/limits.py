"""How much of a document is looked at for recognition. Each limit that bites is reported for its page."""

from __future__ import annotations

MIB = 1024 * 1024

MAX_PAGES = 200  # of one document
MAX_PIXELS = 110_000_000  # of one picture once decoded: A3 at 600 dpi has 70 million
MAX_SIDE = 4_200  # pixels of what the engine sees: a page of A4 at 300 dpi has 3,508
WANTED_SIDE = 3_400  # to which a smaller picture is enlarged: a page of A4 at 290 dpi
MOST_ENLARGED = 2.2  # times; beyond that, nothing more is seen
TINY = 40  # pixels; smaller pictures are rules and bullets

MAX_WORDS = 5_000  # of one page
MAX_WORD = 200  # characters

SHOWN_SIDE = 1_100  # pixels of a page's picture in `result.html`
SHOWN_BYTES = 128 * 1024  # of it
SHOWN_TOTAL = 12 * MIB  # of all of them in one page

PAGE_SECONDS = 60  # after which a page is given up
BATCH_PAGES = 20  # read by one call of the function
BATCH_SECONDS = 150  # after which a call begins no further page
OPENING_SECONDS = 60  # until the first page is reached

CHILD_MEMORY = 1_200 * MIB  # of data, of the 1,769 MB of the function
MAX_ANSWER = 64 * MIB
