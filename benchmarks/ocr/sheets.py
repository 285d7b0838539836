"""Clinical pages as a printer makes them, with every word that stands on them: forms, letters and tables of results.

All people, numbers and findings are made up. The same seed gives the same page.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import reportlab
from PIL import Image, ImageDraw, ImageFont

DPI = 300
WIDTH, HEIGHT = 2480, 3508  # A4
_MARGIN = 220
_INSTALLED = Path("/usr/share/fonts/truetype")
_FONTS = (  # regular and bold
    ("liberation/LiberationSans-Regular.ttf", "liberation/LiberationSans-Bold.ttf"),
    ("liberation/LiberationSerif-Regular.ttf", "liberation/LiberationSerif-Bold.ttf"),
    ("liberation/LiberationMono-Regular.ttf", "liberation/LiberationMono-Bold.ttf"),
    ("dejavu/DejaVuSans.ttf", "dejavu/DejaVuSans-Bold.ttf"),
    ("dejavu/DejaVuSerif.ttf", "dejavu/DejaVuSerif-Bold.ttf"),
)
_ALWAYS = ("Vera.ttf", "VeraBd.ttf")  # which comes with a library


@dataclass(slots=True)
class Sheet:
    """A page, the words on it, and the identifiers of its patient."""

    kind: str
    language: str
    image: Image.Image
    words: list[str] = field(default_factory=list)
    identifiers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Words:
    """What forms, letters and tables say in one language."""

    clinic: str
    given: Sequence[str]
    family: Sequence[str]
    labels: Sequence[str]  # name, born, record, account, ward, physician
    record: str
    sentences: Sequence[str]
    analytes: Sequence[tuple[str, str]]
    head: Sequence[str]
    form: str
    letter: str
    table: str
    boxes: Sequence[str]
    yes_no: tuple[str, str]


_ENGLISH = _Words(
    clinic="Riverside Valley Medical Center",
    given=("Margaret", "Thomas", "Olivia", "Henry", "Charlotte", "William"),
    family=("Whitfield", "Okafor", "Lindqvist", "Hernandez", "Brannigan", "Castellano"),
    labels=("Patient name", "Date of birth", "Account", "Ward", "Attending physician", "Insurance", "Telephone"),
    record="MRN",
    sentences=(
        "The patient was admitted through the emergency department with acute chest pain.",
        "An electrocardiogram showed no signs of ischemia, and troponin remained negative twice.",
        "Blood pressure on discharge was 142 over 86 mmHg, heart rate 74 per minute, regular.",
        "She takes metoprolol 47.5 mg once daily and ramipril 5 mg in the morning.",
        "Please check renal function and potassium within two weeks of discharge.",
        "There is no known allergy to penicillin; contrast media were well tolerated.",
        "Echocardiography revealed a slightly reduced ejection fraction of 48 percent.",
        "A follow-up appointment in our outpatient clinic has been arranged for March.",
        "Smoking was stopped six years ago, alcohol is consumed occasionally.",
        "The wound is dry and closed, sutures may be removed on the tenth day.",
    ),
    analytes=(
        ("Hemoglobin", "g/dl"), ("Leukocytes", "/nl"), ("Thrombocytes", "/nl"), ("Creatinine", "mg/dl"),
        ("Potassium", "mmol/l"), ("Sodium", "mmol/l"), ("Glucose", "mg/dl"), ("Bilirubin", "mg/dl"),
        ("Ferritin", "ng/ml"), ("Albumin", "g/l"), ("Cholesterol", "mg/dl"), ("Triglycerides", "mg/dl"),
    ),
    head=("Test", "Result", "Unit", "Reference"),
    form="Admission form",
    letter="Discharge letter",
    table="Laboratory report",
    boxes=("Diabetes mellitus", "Hypertension", "Pacemaker", "Pregnancy", "Anticoagulation", "Previous surgery"),
    yes_no=("yes", "no"),
)  # fmt: skip
_SPANISH = _Words(
    clinic="Hospital Universitario Santa Cecilia",
    given=("María", "José", "Concepción", "Andrés", "Inés", "Ramón"),
    family=("Núñez", "Álvarez", "Peña", "Gutiérrez", "Ibáñez", "Muñoz"),
    labels=("Nombre", "Fecha de nacimiento", "Cuenta", "Habitación", "Médico responsable", "Aseguradora", "Teléfono"),
    record="NHC",
    sentences=(
        "La paciente ingresó por urgencias con dolor torácico agudo de dos horas de evolución.",
        "El electrocardiograma no mostró signos de isquemia y la troponina fue negativa.",
        "La tensión arterial al alta era de 142 sobre 86 mmHg, con frecuencia cardíaca de 74.",
        "Toma metoprolol 47,5 mg una vez al día y ramipril 5 mg por la mañana.",
        "Se ruega controlar la función renal y el potasio en el plazo de dos semanas.",
        "No se conocen alergias a la penicilina; el contraste fue bien tolerado.",
        "La ecografía reveló una fracción de eyección ligeramente disminuida del 48 por ciento.",
        "Se ha concertado una revisión en nuestras consultas externas para el mes de marzo.",
        "Dejó de fumar hace seis años y consume alcohol de manera ocasional.",
        "La herida está seca y cerrada; los puntos se retirarán al décimo día.",
    ),
    analytes=(
        ("Hemoglobina", "g/dl"), ("Leucocitos", "/nl"), ("Plaquetas", "/nl"), ("Creatinina", "mg/dl"),
        ("Potasio", "mmol/l"), ("Sodio", "mmol/l"), ("Glucosa", "mg/dl"), ("Bilirrubina", "mg/dl"),
        ("Ferritina", "ng/ml"), ("Albúmina", "g/l"), ("Colesterol", "mg/dl"), ("Triglicéridos", "mg/dl"),
    ),
    head=("Prueba", "Resultado", "Unidad", "Referencia"),
    form="Hoja de ingreso",
    letter="Informe de alta",
    table="Informe de laboratorio",
    boxes=("Diabetes mellitus", "Hipertensión", "Marcapasos", "Embarazo", "Anticoagulación", "Cirugía previa"),
    yes_no=("sí", "no"),
)  # fmt: skip
LANGUAGES = {"eng": _ENGLISH, "spa": _SPANISH}
KINDS = ("form", "letter", "table")


def sheet(kind: str, language: str, seed: int) -> Sheet:
    """A page of this kind."""
    rng = random.Random(f"{kind} {language} {seed}")  # noqa: S311
    made = Sheet(kind, language, Image.new("L", (WIDTH, HEIGHT), 255))
    _Printer(made, LANGUAGES[language], rng).print()
    return made


class _Printer:
    def __init__(self, made: Sheet, words: _Words, rng: random.Random) -> None:
        self.sheet, self.words, self.rng = made, words, rng
        self.drawing = ImageDraw.Draw(made.image)
        regular, bold = rng.choice(_fonts())
        size = rng.choice((38, 42, 46))  # of 300 dpi: 9 to 11 points
        self.font = ImageFont.truetype(str(regular), size)
        self.bold = ImageFont.truetype(str(bold), size)
        self.title = ImageFont.truetype(str(bold), size + 22)
        self.line = round(size * 1.55)
        self.y = _MARGIN

    def print(self) -> None:
        words = self.words
        self.text(words.clinic, self.bold)
        self.text(
            {"form": words.form, "letter": words.letter, "table": words.table}[self.sheet.kind], self.title
        )
        self.y += self.line
        getattr(self, f"_{self.sheet.kind}")()

    def text(
        self, text: str, font: ImageFont.FreeTypeFont | None = None, x: int = _MARGIN, *, on: bool = False
    ) -> None:
        """Print a line, or `on` the current one."""
        self.drawing.text((x, self.y), text, font=font or self.font, fill=0)
        self.sheet.words += text.split()
        if not on:
            self.y += self.line

    def pair(self, label: str, value: str, *, boxed: bool = False) -> None:
        self.text(f"{label}:", self.bold, on=True)
        x = _MARGIN + 720
        if boxed:
            box = (x - 18, self.y - 12, WIDTH - _MARGIN, self.y + self.line - 12)
            self.drawing.rectangle(box, outline=0, width=3)
        self.text(value, x=x)
        self.y += 14 if boxed else 0

    def _person(self, *, boxed: bool) -> None:
        rng, words = self.rng, self.words
        name, born, account, *others = words.labels
        record = rng.choice((f"{rng.randrange(10**4):04}-{rng.randrange(10**4):04}", f"{rng.randrange(10**8, 10**9)}",
                             f"{rng.choice('ABHKT')}{rng.randrange(10**6, 10**7)}"))  # fmt: skip
        number = f"{rng.randrange(10**9, 10**10)}"
        self.sheet.identifiers += [record, number]
        self.pair(name, f"{rng.choice(words.given)} {rng.choice(words.family)}", boxed=boxed)
        self.pair(
            born, f"{rng.randrange(10, 29)}/{rng.randrange(10, 13)}/{rng.randrange(1931, 2019)}", boxed=boxed
        )
        self.pair(words.record, record, boxed=boxed)
        self.pair(account, number, boxed=boxed)
        doctor = f"Dr. {rng.choice(words.given)} {rng.choice(words.family)}"
        for label, value in zip(
            others, (f"{rng.randrange(10, 99)}B", doctor, "Mutua General", "555 0142 337"), strict=True
        ):
            self.pair(label, value, boxed=boxed)
        self.y += self.line

    def _form(self) -> None:
        self._person(boxed=True)
        for label in self.words.boxes:
            self.text(label, on=True)
            for x, answer in zip((1300, 1700), self.words.yes_no, strict=True):
                self.drawing.rectangle((x, self.y, x + 40, self.y + 40), outline=0, width=3)
                if self.rng.random() < 0.5:
                    self.drawing.line((x + 5, self.y + 5, x + 35, self.y + 35), fill=0, width=5)
                    self.drawing.line((x + 5, self.y + 35, x + 35, self.y + 5), fill=0, width=5)
                self.text(answer, x=x + 70, on=True)
            self.y += self.line + 10

    def _letter(self) -> None:
        self._person(boxed=False)
        for _ in range(3):
            paragraph = " ".join(self.rng.sample(self.words.sentences, 5))
            for line in self._wrapped(paragraph):
                self.text(line)
            self.y += self.line

    def _table(self) -> None:
        self._person(boxed=False)
        columns = (_MARGIN + 20, 1050, 1500, 1850)
        self._row(self.words.head, columns, self.bold)
        for name, unit in self.words.analytes:
            low = self.rng.uniform(1, 150)
            value = low * self.rng.uniform(0.7, 1.6)
            mark = " H" if value > 1.4 * low else ""
            cells = (name, f"{value:.1f}{mark}", unit, f"{low:.1f} - {1.4 * low:.1f}")
            self._row(cells, columns, self.font)

    def _row(self, cells: Sequence[str], columns: Sequence[int], font: ImageFont.FreeTypeFont) -> None:
        top = self.y - 14
        for cell, x in zip(cells, columns, strict=True):
            self.text(cell, font, x, on=True)
        self.y += self.line + 16
        self.drawing.rectangle((_MARGIN, top, WIDTH - _MARGIN, self.y - 14), outline=0, width=2)

    def _wrapped(self, text: str) -> list[str]:
        lines, current = [], ""
        for word in text.split():
            wider = f"{current} {word}".strip()
            if self.font.getlength(wider) > WIDTH - 2 * _MARGIN:
                lines.append(current)
                wider = word
            current = wider
        return [*lines, current]


def _fonts() -> list[tuple[Path, Path]]:
    found = [(_INSTALLED / regular, _INSTALLED / bold) for regular, bold in _FONTS]
    shipped = Path(reportlab.__file__).parent / "fonts"
    there = [pair for pair in found if all(path.is_file() for path in pair)]
    return there or [(shipped / _ALWAYS[0], shipped / _ALWAYS[1])]
