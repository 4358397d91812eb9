# The values that tests of the losses are judged by come from this script, and from nothing of the
# program: formulas as the papers write them, in numpy's f64, gradients by complex steps.
# labels: quick
# processors: 1
# timeout: 60
#
# tests/data/losses.txt must be what is computed here. JESPR_ACCEPT=1 writes it instead.
import math
import os
import pathlib
import sys

import numpy as np

PROTEINS, COLUMNS = 10, 8  # B, J
CROPS = 3  # K
TINY = 1e-30  # a complex step: f(x + ih) = f(x) + ih f'(x), exact to rounding
PATH = pathlib.Path(os.environ["JESPR_SOURCE_DIR"]) / "tests/data/losses.txt"

TEMPERATURE = 0.5
LOGIT_BIAS = -1.0
INVARIANCE, VARIANCE, COVARIANCE = 25.0, 20.0, 3.0
ALIGNMENT, UNIFORMITY, SHARPNESS = 1.5, 0.75, 2.0


def log_sum_exp(s, axis):
    largest = s.real.max(axis=axis, keepdims=True)
    return np.log(np.exp(s - largest).sum(axis=axis)) + largest.squeeze(axis)


def clip(x, y, scale, bias):
    """Radford et al. 2021: cross entropy of rows and of columns, their mean."""
    s = np.exp(scale) * x @ y.T
    own = np.diag(s)
    return 0.5 * ((log_sum_exp(s, 1) - own).mean() + (log_sum_exp(s, 0) - own).mean())


def siglip(x, y, scale, bias):
    """Zhai et al. 2023, algorithm 1: -sum log sigmoid(z (t x y + b)) / n."""
    z = 2 * np.eye(len(x)) - 1
    return np.log(1 + np.exp(-z * (np.exp(scale) * x @ y.T + bias))).sum() / len(x)


def vicreg(x, y, scale, bias):
    """Bardes et al. 2022, algorithm 1."""
    def spread(rows):
        centred = rows - rows.mean(axis=0)
        covariance = centred.T @ centred / (len(rows) - 1)
        deviation = np.sqrt(np.diag(covariance) + 1e-4)
        hinge = np.where(deviation.real < 1, 1 - deviation, 0).mean()
        others = covariance - np.diag(np.diag(covariance))
        return hinge, (others ** 2).sum() / rows.shape[1]
    (hinge_x, covariance_x), (hinge_y, covariance_y) = spread(x), spread(y)
    return (INVARIANCE * ((x - y) ** 2).mean() + VARIANCE * (hinge_x + hinge_y) +
            COVARIANCE * (covariance_x + covariance_y))


def distance(x, y, scale, bias):
    """Wang & Isola 2020: alignment with alpha = 2, uniformity with t."""
    def uniformity(rows):
        squares = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
        return np.log(np.exp(-SHARPNESS * squares[np.triu_indices(len(rows), 1)]).mean())
    return (ALIGNMENT * ((x - y) ** 2).sum(axis=1).mean() +
            UNIFORMITY * (uniformity(x) + uniformity(y)) / 2)


def partners_of(x, y):
    """[S, B]: which of the B structures is the protein of each of S = K B crops."""
    return np.arange(len(x))[:, None] // (len(x) // len(y)) == np.arange(len(y))


def clip_of_crops(x, y, scale, bias):
    """Each crop as in CLIP; each structure as an anchor of Khosla et al. 2020, eq. 2 (L_out)."""
    s = np.exp(scale) * x @ y.T
    own = partners_of(x, y)
    of_crops = [log_sum_exp(s, 1)[i] - s[i, own[i]][0] for i in range(len(x))]
    of_structures = [sum(log_sum_exp(s, 0)[j] - s[i, j] for i in np.flatnonzero(own[:, j])) /
                     own[:, j].sum() for j in range(len(y))]
    return 0.5 * (np.mean(of_crops) + np.mean(of_structures))


def siglip_of_crops(x, y, scale, bias):
    """Zhai et al. 2023, algorithm 1, z = 1 for every crop of a structure's protein."""
    z = np.where(partners_of(x, y), 1, -1)
    return np.log(1 + np.exp(-z * (np.exp(scale) * x @ y.T + bias))).sum() / len(x)


def derivative(function, arguments, place):
    """d function / d arguments[place], element by element."""
    value = np.asarray(arguments[place], dtype=complex)
    result = np.empty(value.shape)
    for index in np.ndindex(value.shape):
        moved = value.copy()
        moved[index] += 1j * TINY
        changed = list(arguments)
        changed[place] = moved
        result[index] = function(*changed).imag / TINY
    return result


def nearest(x, y):
    """Share of the rows of x whose partner in y is nearer than all others."""
    squares = ((x[:, None] - y[None]) ** 2).sum(axis=2)
    return (squares.argmin(axis=1) == np.arange(len(x))).mean()


def largest(x, y):
    """Share of the rows of x whose largest product is with a partner."""
    own = partners_of(x, y) if len(x) >= len(y) else partners_of(y, x).T
    return own[np.arange(len(x)), (x @ y.T).argmax(axis=1)].mean()


def values():
    """(name, numbers) of all inputs and results."""
    rng = np.random.default_rng(20220428)
    stretch = np.linspace(0.3, 1.6, COLUMNS)  # some columns vary more than vicreg asks for
    x = rng.normal(size=(PROTEINS, COLUMNS)) * stretch
    y = 0.5 * x + 0.6 * rng.normal(size=(PROTEINS, COLUMNS)) * stretch
    scale = float(np.float32(np.log(1 / TEMPERATURE)))  # the program rounds its start to f32
    crops = 0.6 * np.repeat(x, CROPS, axis=0)
    crops += 0.5 * rng.normal(size=crops.shape) * stretch
    yield "x", x
    yield "y", y
    yield "crops", crops
    for function in (clip, siglip, vicreg, distance, clip_of_crops, siglip_of_crops):
        name = function.__name__
        sequences = crops if name.endswith("_of_crops") else x
        arguments = (sequences, y, scale, LOGIT_BIAS)
        score = nearest if name in ("vicreg", "distance") else largest
        yield f"{name}.loss", function(*arguments)
        yield f"{name}.dx", derivative(function, arguments, 0)
        yield f"{name}.dy", derivative(function, arguments, 1)
        yield f"{name}.dlogit_scale", derivative(function, arguments, 2)
        yield f"{name}.dlogit_bias", derivative(function, arguments, 3)
        yield f"{name}.accuracy", [score(sequences, y), score(y, sequences)]


def language():
    """ESM-2's head (fair-esm, RobertaLMHead): dense, gelu, layer norm, the embeddings again."""
    rng = np.random.default_rng(20230317)
    tokens, width = 33, 6
    arrays = {name: rng.normal(size=shape) for name, shape in {
        "rep": (5, width), "embed_tokens.weight": (tokens, width),
        "lm_head.dense.weight": (width, width), "lm_head.dense.bias": (width,),
        "lm_head.layer_norm.weight": (width,), "lm_head.layer_norm.bias": (width,),
        "lm_head.bias": (tokens,)}.items()}
    targets = {0: 7, 2: 32, 3: 7, 4: 0}  # row: token; the second row predicts nothing
    yield from arrays.items()
    yield from zip(("loss", "right"), predict(arrays["rep"], targets, arrays))


def linear(x, name, arrays):
    return x @ arrays[name + ".weight"].T + arrays[name + ".bias"]


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def layer_norm(x, name, arrays):
    x = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    return x * arrays[name + ".weight"] + arrays[name + ".bias"]


def predict(rep, targets, arrays):
    """Sum of the cross entropies of {row: token}, and how many are right."""
    loss = right = 0
    for row, target in targets.items():
        h = gelu(linear(rep[row], "lm_head.dense", arrays))
        h = layer_norm(h, "lm_head.layer_norm", arrays)
        logits = arrays["embed_tokens.weight"] @ h + arrays["lm_head.bias"]
        loss += np.log(np.exp(logits).sum()) - logits[target]
        right += logits.argmax() == target
    return loss, right


LETTERS = "LAGVSERTIDPKQNFYMHWCXBUZO.-"  # of the ESM-1b alphabet, from token 4 on
CLS, EOS, MASK = 0, 2, 32


def encode(tokens, causal, layers, heads, arrays):
    """ESM-2 (Lin et al. 2023): pre-norm blocks, rotary positions, the embedding of masked tokens 0
    and others rescaled; causal: a row sees none behind it."""
    hidden = np.array(tokens) == MASK
    x = np.where(hidden[:, None], 0, (1 - 0.15 * 0.8) / (1 - hidden.mean()) *
                 arrays["embed_tokens.weight"][tokens])
    length, width = x.shape
    d = width // heads
    angle = np.arange(length)[:, None] * 10000.0 ** (-2 * np.arange(d // 2) / d)

    def rotated(v):
        a, b = v[:, :d // 2], v[:, d // 2:]
        return np.hstack([a * np.cos(angle) - b * np.sin(angle),
                          b * np.cos(angle) + a * np.sin(angle)])
    for layer in range(layers):
        name = f"layers.{layer}."
        h = layer_norm(x, name + "self_attn_layer_norm", arrays)
        q, k, v = (linear(h, f"{name}self_attn.{part}_proj", arrays) for part in "qkv")
        out = []
        for head in range(heads):
            own = slice(head * d, (head + 1) * d)
            scores = rotated(q[:, own]) @ rotated(k[:, own]).T / math.sqrt(d)
            if causal:
                scores[np.triu_indices(length, 1)] = -np.inf
            p = np.exp(scores - scores.max(axis=1, keepdims=True))
            out.append(p / p.sum(axis=1, keepdims=True) @ v[:, own])
        x = x + linear(np.hstack(out), name + "self_attn.out_proj", arrays)
        h = layer_norm(x, name + "final_layer_norm", arrays)
        x = x + linear(gelu(linear(h, name + "fc1", arrays)), name + "fc2", arrays)
    return layer_norm(x, "emb_layer_norm_after", arrays)


def encoder():
    """Next and masked residues of two proteins through a small encoder: losses and right ones."""
    rng = np.random.default_rng(20220721)
    width, layers, heads = 8, 2, 2
    shapes = {"embed_tokens": (33,), "emb_layer_norm_after": (), "lm_head.dense": (width,),
              "lm_head.layer_norm": ()}
    for layer in range(layers):
        name = f"layers.{layer}."
        shapes |= {f"{name}self_attn.{part}_proj": (width,) for part in ("q", "k", "v", "out")}
        shapes |= {name + "self_attn_layer_norm": (), name + "final_layer_norm": (),
                   name + "fc1": (4 * width,)}
    arrays = {}
    for name, outputs in shapes.items():
        arrays[name + ".weight"] = rng.normal(size=(*outputs, width))
        if name != "embed_tokens":
            arrays[name + ".bias"] = 0.3 * rng.normal(size=outputs or (width,))
    for layer in range(layers):
        arrays[f"layers.{layer}.fc2.weight"] = 0.5 * rng.normal(size=(width, 4 * width))
        arrays[f"layers.{layer}.fc2.bias"] = rng.normal(size=(width,))
    arrays["lm_head.bias"] = rng.normal(size=(33,))
    yield from arrays.items()
    proteins = [[CLS, *(LETTERS.index(c) + 4 for c in letters), EOS] for letters in
                ("MKVLAGHHXW", "DECADE")]
    following = [dict(enumerate(tokens[1:])) for tokens in proteins]
    hidden = [{row: tokens[row] for row in rows} for tokens, rows in zip(proteins, ([2, 7], [1]))]
    masked = [[MASK if row in rows else token for row, token in enumerate(tokens)]
              for tokens, rows in zip(proteins, hidden)]
    for kind, shown, targets in (("causal", proteins, following), ("mlm", masked, hidden)):
        found = [predict(encode(tokens, kind == "causal", layers, heads, arrays), wanted, arrays)
                 for tokens, wanted in zip(shown, targets)]
        yield kind + ".loss", sum(loss for loss, _ in found)
        yield kind + ".right", sum(right for _, right in found)


def classes():
    """Linear softmax per level on rows of length 1 times sqrt(J), scaled by log(classes)."""
    rng = np.random.default_rng(20170421)
    proteins, width, counts, weights = 6, 8, (3, 7), (1.0, 0.25)
    known = [[0, 2, -1, 1, 2, -1], [6, -1, -1, 0, 3, -1]]  # class of each protein, -1: unknown
    def unit(rows):
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)
    arrays = {"x": unit(rng.normal(size=(proteins, width))),
              "y": unit(rng.normal(size=(proteins, width)))}
    for level, count in enumerate(counts, 1):
        arrays[f"class_heads.{level}.weight"] = 0.5 * rng.normal(size=(count, width))
        arrays[f"class_heads.{level}.bias"] = 0.5 * rng.normal(size=count)

    def level_loss(level, x, y, *parameters):
        weight, bias = parameters[2 * level:2 * level + 2]
        terms = []
        for rows in (x, y):
            logits = math.sqrt(width) * rows @ weight.T + bias
            terms += [log_sum_exp(logits[i:i + 1], 1)[0] - logits[i, c]
                      for i, c in enumerate(known[level]) if c >= 0]
        return sum(terms) / len(terms) / math.log(counts[level])

    def loss(*arguments):
        return sum(weight * level_loss(level, *arguments) for level, weight in enumerate(weights))
    arguments = tuple(arrays.values())
    yield from arrays.items()
    yield "known", known
    yield "loss", loss(*arguments)
    for level in range(len(counts)):
        yield f"loss.{level + 1}", level_loss(level, *arguments)
        for rows, name in ((arrays["x"], "x"), (arrays["y"], "y")):
            logits = (math.sqrt(width) * rows @ arrays[f"class_heads.{level + 1}.weight"].T +
                      arrays[f"class_heads.{level + 1}.bias"])
            yield f"right.{level + 1}.{name}", sum(
                logits[i].argmax() == c for i, c in enumerate(known[level]) if c >= 0)
    for place, name in enumerate(arrays):
        yield f"d.{name}", derivative(loss, arguments, place)


def main():
    found = {name: np.atleast_1d(np.asarray(numbers, dtype=float)).ravel()
             for name, numbers in [*values(), *(("language." + name, numbers)
                                                for name, numbers in language()),
                                   *(("encoder." + name, numbers) for name, numbers in encoder()),
                                   *(("classes." + name, numbers) for name, numbers in classes())]}
    if os.environ.get("JESPR_ACCEPT") == "1":
        PATH.write_text("".join(f"{name} {' '.join(repr(float(v)) for v in numbers)}\n"
                                for name, numbers in found.items()))
        return f"{PATH} is written"
    written = {line.split()[0]: np.array(line.split()[1:], dtype=float)
               for line in PATH.read_text().splitlines()}
    if list(written) != list(found):
        sys.exit(f"{PATH} holds {list(written)}, not {list(found)}")
    for name, numbers in found.items():
        if not np.allclose(written[name], numbers, rtol=1e-12, atol=1e-13):
            sys.exit(f"{PATH}: {name} is not what this script computes")
    return f"{len(found)} arrays of {PATH} are as computed"


print(main())
