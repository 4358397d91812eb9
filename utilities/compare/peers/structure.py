"""The GVP-transformer encoder of ESM-IF1: fair-esm on torch_geometric and torch_scatter."""
import argparse

import biotite.structure
import torch

# The name that fair-esm imports was removed from biotite.
if not hasattr(biotite.structure, "filter_backbone"):
    biotite.structure.filter_backbone = biotite.structure.filter_peptide_backbone

from esm.data import Alphabet
from esm.inverse_folding.features import GVPInputFeaturizer
from esm.inverse_folding.gvp_transformer_encoder import GVPTransformerEncoder
from esm.inverse_folding.util import CoordBatchConverter

from peers.torch_setting import EncoderPeer, maybe_compiled, set_threads

ALPHABET = Alphabet.from_architecture("vt_medium_with_invariant_gvp")


def encoder(shape):
    """The encoder with random weights."""
    arguments = argparse.Namespace(
        encoder_embed_dim=shape["width"], encoder_layers=shape["layers"],
        encoder_attention_heads=shape["heads"], encoder_ffn_embed_dim=shape["feed_forward"],
        dropout=shape.get("dropout", 0.0), attention_dropout=shape.get("dropout", 0.0),
        gvp_dropout=shape.get("dropout", 0.0), gvp_top_k_neighbors=shape["neighbours"],
        gvp_node_hidden_dim_scalar=shape["node_scalars"],
        gvp_node_hidden_dim_vector=shape["node_vectors"],
        gvp_edge_hidden_dim_scalar=shape["edge_scalars"],
        gvp_edge_hidden_dim_vector=shape["edge_vectors"],
        gvp_num_encoder_layers=shape["graph_layers"])
    embedding = torch.nn.Embedding(len(ALPHABET), shape["width"], ALPHABET.padding_idx)
    return GVPTransformerEncoder(arguments, ALPHABET, embedding)


def padded_backbones(proteins):
    """Coordinates [B, T, 3, 3], padding mask and confidence [B, T], with start and end rows."""
    convert = CoordBatchConverter(ALPHABET)
    coordinates, confidence, _, _, padding = convert.from_lists(
        [protein.coordinates for protein in proteins])
    return coordinates, padding, confidence


def count_edges(backbones, neighbours):
    """Edges of the graph that fair-esm makes of a batch: between residues with coordinates."""
    coordinates, padding, _ = backbones
    known = torch.isfinite(coordinates).all(-1).all(-1)
    found = torch.nan_to_num(coordinates[:, :, 1], posinf=0.0)
    return int(GVPInputFeaturizer._dist(found, known, padding, neighbours)[2].sum())


class Structure(EncoderPeer):
    modality = "structure"

    def __init__(self, task):
        super().__init__(task, encoder(task["structure"]))
        self.call = maybe_compiled(self.model, task)
        self.edges = None

    def batch_of(self, proteins):
        backbones = padded_backbones(proteins)
        return backbones, ~backbones[1]

    def prepare(self, groups):
        neighbours = self.task["structure"]["neighbours"]
        self.edges = sum(count_edges(padded_backbones(group), neighbours) for group in groups)
        return super().prepare(groups)

    def represent(self, backbones):
        return self.call(*backbones)["encoder_out"][0].transpose(0, 1)

    def facts(self):
        return {"edges": self.edges}


def make(task):
    set_threads(task)
    return Structure(task)
