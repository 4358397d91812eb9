"""What a comparison is made of, without running anything: peers, rounds, ratios, tables."""
import dataclasses
import json
import pathlib
import statistics

GIGA = 1e9
LONG_PASS = 20.0  # seconds; such a pass is not repeated within a round, nor warmed up
SEQUENCE = ("sequence forward", "sequence forward+backward")
STRUCTURE = ("structure forward", "structure forward+backward")
STEP = ("step",)
PARTS = SEQUENCE + STRUCTURE + STEP


@dataclasses.dataclass(frozen=True)
class Peer:
    """A program beside ours: `module` of peers/, for `parts` in `precisions`."""
    name: str
    module: str
    parts: tuple
    precisions: tuple = ("f32", "bf16")
    options: tuple = ()      # keys that are true in its task
    same_precision: bool = True  # else it is shown, but not compared with


PEERS = (
    Peer("fair-esm", "fair_esm", SEQUENCE),
    Peer("transformers", "transformers_esm", SEQUENCE),
    Peer("transformers, compiled", "transformers_esm", SEQUENCE, options=("compiled",)),
    Peer("transformers, bf16 weights", "transformers_esm", ("sequence forward",), ("bf16",),
         options=("half",)),
    Peer("esm.cpp", "esm_cpp", ("sequence forward",), ("f32",)),
    Peer("esm.cpp INT8", "esm_cpp", ("sequence forward",), ("f32",), options=("int8",),
         same_precision=False),
    Peer("fair-esm", "structure", STRUCTURE),
    # PyTorch turns a map of rows that are not contiguous into many small products, unless it keeps
    # a graph for gradients.
    Peer("fair-esm, graph kept", "structure", ("structure forward",), options=("graph",)),
    Peer("fair-esm, compiled", "structure", STRUCTURE, options=("compiled",)),
    Peer("fair-esm", "full_step", STEP),
    Peer("fair-esm, compiled", "full_step", STEP, options=("compiled",)),
)


def peers_of(part, precision, skipped=()):
    return [peer for peer in PEERS if part in peer.parts and precision in peer.precisions
            and not any(word in peer.name for word in skipped)]


class BadBenchmark(Exception):
    """A benchmark.json that is not what `jespr` writes, or of another batch."""


class Benchmark:
    """What one run of task 'benchmark' wrote."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        try:
            self.data = json.loads(self.path.read_text())
            self.chains = self.data["chains"]
            self.threads = self.data["threads"]
            self.residues = round(self.data["residues"])
            self.parts = {part["name"]: part for part in self.data["parts"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadBenchmark(f"{path}: no benchmark of jespr: {error!r}") from error

    def part(self, name):
        if name not in self.parts:
            raise BadBenchmark(f"{self.path}: part '{name}' was not measured")
        return self.parts[name]

    def rate(self, precision):
        """GFLOP/s of the best matrix product measured; 0 if none was."""
        return self.data.get("rate", {}).get(precision, 0.0)

    def shape(self, part):
        """What was measured, in words: 'sequence 6 x 320'."""
        q, t = self.data["sequence"], self.data["structure"]
        sequence = f"{q['layers']} x {q['width']}"
        structure = (f"{t['graph_layers']} x ({t['node_scalars']}, {t['node_vectors']}) + "
                     f"{t['layers']} x {t['width']}")
        if part in SEQUENCE:
            return f"sequence {sequence}"
        return f"structure {structure}" if part in STRUCTURE else f"{sequence}; {structure}"


@dataclasses.dataclass
class Measured:
    """One program on one part: median seconds of each round, or why there are none."""
    name: str
    seconds: list = dataclasses.field(default_factory=list)
    failure: str = ""
    same_precision: bool = True
    batch_size: int = 0
    resident_bytes: float = 0
    remark: str = ""

    def gflops(self, operations):
        return operations / statistics.median(self.seconds) / GIGA if self.seconds else None


@dataclasses.dataclass
class Row:
    """A part in a precision: ours and the peers', over the same rounds."""
    part: str
    precision: str
    shape: str
    operations: float
    rate: float  # GFLOP/s of matrix products
    ours: Measured
    peers: list

    def fastest(self):
        """The peer of our precision with the least median; None if there is none."""
        timed = [peer for peer in self.peers if peer.seconds and peer.same_precision]
        return min(timed, key=lambda peer: statistics.median(peer.seconds), default=None)

    def ratio(self, peer=None):
        """(median, least, most) over rounds of the peer's seconds / ours, by default the fastest
        peer's; None where one of the two was not measured."""
        peer = peer or self.fastest()
        if peer is None or not peer.seconds or not self.ours.seconds:
            return None
        ratios = [theirs / ours for theirs, ours in zip(peer.seconds, self.ours.seconds)]
        return statistics.median(ratios), min(ratios), max(ratios)

    def as_json(self):
        fastest = self.fastest()
        ratio = self.ratio()
        return {
            "part": self.part, "precision": self.precision, "shape": self.shape,
            "operations": self.operations, "rate": self.rate,
            "programs": [dict(dataclasses.asdict(program),
                              gflops=program.gflops(self.operations))
                         for program in (self.ours, *self.peers)],
            "fastest": fastest.name if fastest else None,
            "ratio": dict(zip(("median", "least", "most"), ratio)) if ratio else None}


def number(value, digits=1):
    """For a table; a dash where there is nothing."""
    return "-" if value is None else f"{value:.{digits}f}"


def ratio_text(ratio):
    return "-" if ratio is None else f"{ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f})"


def markdown_table(header, lines):
    """Columns of equal width, the first one to the left, numbers to the right."""
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(len(header))]

    def line_of(cells):
        text = [cells[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(cells[1:], widths[1:])]
        return "| " + " | ".join(text) + " |"
    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":")
                          for i, w in enumerate(widths)) + "|"
    return "\n".join([line_of(header), rule, *map(line_of, lines)])


def table_of(rows):
    """GFLOP/s of ours and of each peer, and the ratio to the fastest of our precision."""
    names = list(dict.fromkeys(peer.name for row in rows for peer in row.peers))
    header = ["part", "", "ours", "of rate", *names, "ours / fastest"]
    lines = []
    for row in rows:
        ours = row.ours.gflops(row.operations)
        share = f"{100 * ours / row.rate:.0f} %" if ours and row.rate else "-"
        peers = {peer.name: peer for peer in row.peers}
        fastest = row.fastest()
        cells = []
        for name in names:
            text = number(peers[name].gflops(row.operations)) if name in peers else "-"
            cells.append(f"**{text}**" if fastest and fastest.name == name else text)
        what = row.part if row.part in STEP else row.part.split(" ", 1)[1]
        lines.append([f"{row.shape}, {what}", row.precision, number(ours), share, *cells,
                      ratio_text(row.ratio())])
    return markdown_table(header, lines)


def memory_table(rows):
    """Resident memory of the programs that measured a step; empty text without a step."""
    lines = []
    for row in rows:
        if row.part not in STEP:
            continue
        for peer in row.peers:
            if peer.resident_bytes and row.ours.resident_bytes:
                lines.append([f"{row.shape}, {peer.name}", row.precision,
                              number(row.ours.resident_bytes / GIGA, 2),
                              number(peer.resident_bytes / GIGA, 2),
                              number(row.ours.resident_bytes / peer.resident_bytes, 2)])
    return markdown_table(["memory of a step, GB", "", "ours", "peer", "ours / peer"],
                          lines) if lines else ""


def remarks_of(rows):
    """What a reader must know beside the numbers, each thing once."""
    remarks = {}
    for row in rows:
        for program in (row.ours, *row.peers):
            where = f"{program.name}, {row.part}, {row.precision}"
            if program.failure:
                remarks.setdefault(f"{where}: not measured: {program.failure}")
            if program.remark:
                remarks.setdefault(f"{program.name}: {program.remark}")
    return list(remarks)


def report(rows, heading):
    """The comparison in Markdown."""
    groups = [[row for row in rows if row.part in parts] for parts in (SEQUENCE, STRUCTURE, STEP)]
    blocks = [heading, *(table_of(group) for group in groups if group), memory_table(rows),
              "\n".join(f"- {remark}" for remark in remarks_of(rows))]
    return "\n\n".join(block for block in blocks if block) + "\n"
