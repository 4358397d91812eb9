# Protein chains of a structure file as Biopython reads them, by the rules of doc/dataset.md: what
# the program's own reader (another library, other code) is compared with.
import collections
import gzip
import io
import pathlib
import warnings

import numpy as np
from Bio.Data.PDBData import protein_letters_3to1_extended as LETTERS
from Bio.PDB import MMCIFParser, PDBParser
from Bio.PDB.MMCIF2Dict import MMCIF2Dict

BACKBONE = ("N", "CA", "C")
NUCLEOTIDES = {"A", "C", "G", "U", "T", "I", "DA", "DC", "DG", "DT", "DU", "DI", "DN", "N"}
STANDARD = set("ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL "
               "SEC PYL ASX GLX UNK".split())
CAPS = {"ACE", "NH2", "NME", "FOR", "NMM"}
# Letters that Biopython's table (of 2010) lacks: by one_letter_code of the component dictionary.
LATER = {"SEC": "U", "PYL": "O", "ASX": "B", "GLX": "Z", "PCA": "Q", "DAL": "A", "GHP": "G"}

# Names of protonated residues in AMBER and CHARMM that no component of the dictionary bears.
PROTONATED = {"HID": "HIS", "HIE": "HIS", "HSD": "HIS", "HSP": "HIS", "CYX": "CYS", "ASH": "ASP"}
STANDARD |= set(PROTONATED)

Residue = collections.namedtuple("Residue", "name number code atoms")  # atoms {name: xyz}


def letter(name):
    return LATER.get(name) or LETTERS.get(name.ljust(3), LETTERS.get(name, "X"))


def text_of(path):
    content = pathlib.Path(path).read_bytes()
    return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode(
        "utf-8", "replace")


def is_mmcif(text):
    return any(line.startswith("data_") for line in text.splitlines()[:200])


def choose(candidates):
    """Of the residues of one place and their alternate locations the one of highest occupancy,
    summed over the backbone; the first of equals. Atoms that it lacks come from the others."""
    best, best_sum = None, -1
    for residue in candidates:
        atoms = residue.get_unpacked_list()
        for place in dict.fromkeys(atom.get_altloc() for atom in atoms):
            total = 0
            for name in BACKBONE:
                atom = next((a for a in atoms if a.get_name() == name
                             and a.get_altloc() in (" ", place)), None)
                total += occupancy(atom) if atom else 0
            if total > best_sum:
                best, best_sum = (residue, place), total
    residue, place = best
    found = {}
    for name in BACKBONE:
        atoms = [a for a in residue.get_unpacked_list() if a.get_name() == name]
        if residue.get_resname().strip() not in LETTERS and name == "CA":
            atoms = [a for a in atoms if a.element == "C"]  # no calcium
        if atoms:
            first = next((a for a in atoms if a.get_altloc() in (" ", place)), None)
            found[name] = (first or max(atoms, key=occupancy)).get_coord()
    _, number, code = residue.get_id()
    name = residue.get_resname().strip()
    return Residue(PROTONATED.get(name, name), number, code, found)


def occupancy(atom):
    return 1 if atom.get_occupancy() is None else atom.get_occupancy()


def residues_by_place(chain):
    """The residue objects of the chain, those of one number and insertion code together where they
    follow each other or are all there in alternate locations alone."""
    places, alternatives = [], {}
    for residue in chain.get_unpacked_list():
        key = residue.get_id()[1:]
        is_alternative = all(a.get_altloc() != " " for a in residue.get_unpacked_list())
        if places and places[-1][0].get_id()[1:] == key:
            places[-1].append(residue)
        elif is_alternative and key in alternatives:
            alternatives[key].append(residue)
        else:
            places.append([residue])
            if is_alternative:
                alternatives[key] = places[-1]
    if any(residue.is_disordered() == 2 for residue in chain):
        # Biopython moves a residue to the end of the chain where it meets its alternative.
        places.sort(key=lambda place: min(atom.serial_number for residue in place
                                          for atom in residue.get_unpacked_list()))
    return places


def has_backbone(residue):
    return {a.get_name() for a in residue.get_unpacked_list() if a.element != "CA"} >= set(BACKBONE)


def is_protein(residue, polymers, hetero):
    """`polymers` is the set of (chain, number, code) of declared polymers, None if nothing is
    declared; `hetero` that of residues behind the chain's TER."""
    name, key = residue.get_resname().strip(), (residue.get_parent().id, *residue.get_id()[1:])
    if polymers is not None and key not in polymers or key in hetero:
        return False
    if name in NUCLEOTIDES or name == "HOH" or name in CAPS:
        return False
    if name.ljust(3) in LETTERS or name in LETTERS or name in STANDARD:
        return polymers is not None or not (name in STANDARD and residue.get_id()[0] != " ")
    return has_backbone(residue) or polymers is not None and "CA" in residue


def residue_key(line):
    return int(line[22:26]), line[26:27]


def part_after_ter(lines):
    """Of the atoms of the first model that stand behind a TER of their chain: (the lines of those
    that neither are of the chain nor ligands, the residues that go on with it).

    A chain with an id goes on where its amino acids, told by the ATOM of their CA, are numbered
    upwards; from the first part between two TERs that is not nothing is read."""
    parts = collections.defaultdict(lambda: [[]])  # chain: of each part its lines
    last = None
    for i, line in enumerate(lines):
        if line.startswith("ENDMDL") or line[:6].strip() == "END":
            break
        if line.startswith(("ATOM", "HETATM")):
            last = line[20:22].strip()
            parts[last][-1].append(i)
        elif line[:6].strip() == "TER" and last is not None:
            parts[last].append([])
    dropped, joined = set(), set()
    for chain, (first, *later) in parts.items():
        def carbons(part):
            return list(dict.fromkeys(residue_key(lines[i]) for i in part if
                                      lines[i].startswith("ATOM") and lines[i][12:16] == " CA "))
        numbers, goes_on = carbons(first), bool(chain)
        for part in later:
            added = carbons(part)
            if not added:
                continue
            both = numbers[-1:] + added
            goes_on &= all(a[0] < b[0] or (a[0] == b[0] and a[1] != b[1])
                           for a, b in zip(both, both[1:]))
            atoms = [i for i in part if lines[i].startswith("ATOM")]
            if goes_on:
                joined |= {(chain, *residue_key(lines[i])) for i in part if i <= atoms[-1]}
                numbers += added
            else:
                dropped |= set(atoms)
    return dropped, joined


def read_pdb(text):
    lines = text.splitlines()
    dropped, joined = part_after_ter(lines)
    text = "\n".join(line for i, line in enumerate(lines) if i not in dropped) + "\n"
    model = next(PDBParser(QUIET=True).get_structure("", io.StringIO(text)).get_models())
    seqres, hetero, ended = collections.defaultdict(list), set(), set()
    missing = collections.defaultdict(list)
    for line in text.splitlines():
        record = line[:6].rstrip()
        if record == "SEQRES":
            seqres[line[11].strip()] += line[19:72].split()
        elif record in ("ATOM", "HETATM") and line[21] in ended:
            hetero.add((line[21], int(line[22:26]), line[26]))
        elif record == "TER" or line[:3] == "TER":
            ended.add(line[21:22] if len(line) > 21 else last)
        elif record == "ENDMDL":
            break
        elif line.startswith("REMARK 465") and len(line.split()) >= 5:
            fields = line[10:].split()
            number, code = fields[-1], " "
            if number[-1].isalpha():
                number, code = number[:-1], number[-1]
            if number.lstrip("-").isdigit() and len(fields) in (3, 4) and len(fields[-3]) <= 3:
                missing[fields[-2]].append((fields[-3], int(number), code))
        if record in ("ATOM", "HETATM"):
            last = line[21]
    hetero -= joined
    chains = {}
    for chain in model:
        sites = [choose(c) for c in ([r for r in place if is_protein(r, None, hetero)]
                                     for place in residues_by_place(chain)) if c]
        names = [name for name in seqres[chain.id.strip()]
                 if name not in CAPS and name not in NUCLEOTIDES]
        rows = merge_by_numbers(sites, missing[chain.id], names)
        chains[chain.id.strip()] = (sites, names, rows)
    return chains


def merge_by_numbers(sites, missing, names):
    """All rows, where the missing residues of REMARK 465 merged by number give SEQRES."""
    rows = sorted([*((s.number, s.code, s.name, s) for s in sites),
                   *((number, code, name, None) for name, number, code in missing
                     if name not in CAPS)], key=lambda row: row[:2])
    if not names or [row[2] for row in rows] != names:
        return None
    return [(row[2], row[3]) for row in rows]


def read_mmcif(text):
    table = MMCIF2Dict(io.StringIO(text))
    table.setdefault("_atom_site.pdbx_PDB_ins_code", ["?"] * len(table["_atom_site.id"]))
    parser = MMCIFParser(QUIET=True)
    parser._mmcif_dict = table  # as get_structure does it; Biopython requires the column above
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser._build_structure("")
    model = next(parser._structure_builder.get_structure().get_models())

    def column(name, default=None):
        values = table.get("_atom_site." + name)
        return values if values else [default] * len(table["_atom_site.id"])

    kinds = dict(zip(table.get("_entity.id", []), table.get("_entity.type", [])))
    polymers, label_of = (set() if kinds else None), {}
    entity_of = {}
    for asym, auth, number, code, entity, seq in zip(
            column("label_asym_id"), column("auth_asym_id"), column("auth_seq_id"),
            column("pdbx_PDB_ins_code", "?"), column("label_entity_id"), column("label_seq_id")):
        key = (auth or asym, int(number), " " if code in "?." else code)
        if kinds and kinds.get(entity) == "polymer":
            polymers.add(key)
            label_of[key] = (asym, seq)
            entity_of.setdefault(asym, entity)
    entity_names = collections.defaultdict(dict)
    for entity, place, name in zip(table.get("_entity_poly_seq.entity_id", []),
                                   table.get("_entity_poly_seq.num", []),
                                   table.get("_entity_poly_seq.mon_id", [])):
        entity_names[entity].setdefault(place, name)
    chains = {}
    for chain in model:
        sites = [choose(c) for c in ([r for r in place if is_protein(r, polymers, ())]
                                     for place in residues_by_place(chain)) if c]
        names, rows = [], None
        if sites and polymers:
            labels = [label_of[(chain.id, s.number, s.code)] for s in sites]
            names_of = entity_names[entity_of[labels[0][0]]]
            by_place = {place: site for (_, place), site in zip(labels, sites)}
            rows = [(name, by_place.get(place)) for place, name in names_of.items()
                    if name not in CAPS]
            names = [name for name, _ in rows]
        chains[chain.id] = (sites, names, rows or None)
    return chains


def read_chains(path):
    """{chain id: (residues with atoms, names of SEQRES, rows)}; rows are (name, residue or None)
    of all residues where the file itself says which are missing, else None."""
    text = text_of(path)
    return read_mmcif(text) if is_mmcif(text) else read_pdb(text)


def coordinates(residue):
    nothing = np.full(3, np.nan)
    return np.array([residue.atoms.get(name, nothing) for name in BACKBONE])
