import torch
from torch import nn

from fedcmr.models.layers.transformer import Attention, ClassToken, Positions, transformer_layer
from fedcmr.models.timesformer import DividedAttention


def torch_attention(attention: Attention, heads: int) -> nn.MultiheadAttention:
    """The same weights in torch's own layer."""
    width = attention.out.in_features
    bias = attention.query.bias is not None
    theirs = nn.MultiheadAttention(width, heads, bias=True, batch_first=True)
    projections = (attention.query, attention.key, attention.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([layer.weight for layer in projections]))
        theirs.in_proj_bias.zero_()
        if bias:
            theirs.in_proj_bias.copy_(torch.cat([layer.bias for layer in projections]))
        theirs.out_proj.load_state_dict(attention.out.state_dict())
    return theirs


def test_attention_equals_torchs() -> None:
    torch.manual_seed(0)
    attention = Attention(24, 4)
    x = torch.randn(2, 7, 24)
    expected, _ = torch_attention(attention, 4)(x, x, x)
    torch.testing.assert_close(attention(x), expected)


def test_axes_before_the_tokens_stay_apart() -> None:
    torch.manual_seed(0)
    attention = Attention(24, 4, bias=False)
    x = torch.randn(2, 3, 7, 24)
    torch.testing.assert_close(attention(x)[:, 1], attention(x[:, 1]))


def test_a_layer_equals_torchs_pre_norm_encoder() -> None:
    torch.manual_seed(0)
    layer = transformer_layer(24, 4, 48)
    theirs = nn.TransformerEncoderLayer(
        24, 4, 48, dropout=0, activation="gelu", batch_first=True, norm_first=True
    )
    attention, perceptron = layer
    theirs.self_attn = torch_attention(attention.layer, 4)
    theirs.norm1, theirs.norm2 = attention.norm, perceptron.norm
    theirs.linear1, theirs.linear2 = perceptron.layer[0], perceptron.layer[3]
    x = torch.randn(2, 7, 24)
    torch.testing.assert_close(layer(x), theirs(x))


def test_divided_attention_equals_masked_attention_over_all_tokens() -> None:
    torch.manual_seed(0)
    frames, places = 3, 4
    x = torch.randn(2, 1 + frames * places, 16)
    frame = torch.arange(frames).repeat_interleave(places)
    place = torch.arange(places).repeat(frames)
    for over_time, group in ((True, place), (False, frame)):
        attention = DividedAttention(16, 2, frames, over_time=over_time)
        sees = torch.ones(len(x[0]), len(x[0]), dtype=torch.bool)
        sees[1:, 1:] = group[:, None] == group[None, :]
        expected, _ = torch_attention(attention, 2)(x, x, x, attn_mask=~sees)
        torch.testing.assert_close(attention(x), expected)


def test_class_token_comes_first_and_positions_are_added() -> None:
    torch.manual_seed(0)
    token, positions = ClassToken(5), Positions(4, 5)
    x = torch.randn(2, 3, 5)
    y = positions(token(x))
    torch.testing.assert_close(y[:, 0], (token.token + positions.positions[0]).expand(2, 5))
    torch.testing.assert_close(y[:, 1:], x + positions.positions[1:])
