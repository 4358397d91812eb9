# Predicted structures from experimental ones: what stands in the B-factor column becomes pLDDT.


def as_predicted(text, plddt):
    """mmCIF text whose atoms have plddt(number of the residue, from 1) as B-factor."""
    lines = text.splitlines()
    tags = [line.strip() for line in lines if line.startswith("_atom_site.")]
    place = tags.index("_atom_site.B_iso_or_equiv")
    number = tags.index("_atom_site.label_seq_id")
    for i, line in enumerate(lines):
        if line.startswith("ATOM"):
            fields = line.split()
            fields[place] = f"{plddt(int(fields[number])):.2f}"
            lines[i] = " ".join(fields)
    return "\n".join(lines) + "\n"
