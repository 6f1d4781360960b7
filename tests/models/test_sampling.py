"""The mathematics of sampling, against the papers' formulas and transformers' own warpers."""

import numpy as np
import pytest
import torch
from transformers import TopKLogitsWarper, TopPLogitsWarper

from models.code_chooser import Branch, CodeChooser, branches_for
from models.generating import ContrastSettings, ImageSettings
from models.sampling import contrast, guide, guide_edit, keep_top_k, keep_top_p, sample_seeds
from schemas.errors import UsageError
from tests.oracles import sampling_formulas as oracle

_CODES = 50
_NO_IDS = torch.empty((1, 0), dtype=torch.int64)


def _logits(seed: int, rows: int = 6) -> torch.Tensor:
    drawn: torch.Tensor = 3 * torch.randn(
        (rows, _CODES), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return drawn


def _assert_rows(result: torch.Tensor, expected: list[np.ndarray]) -> None:
    np.testing.assert_allclose(result.numpy(), np.stack(expected), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0, 7.5])
def test_guidance_is_the_formula(scale: float) -> None:
    nothing, request = _logits(0), _logits(1)
    rows = zip(nothing.numpy(), request.numpy(), strict=True)
    _assert_rows(guide(nothing, request, scale), [oracle.guided(*row, scale) for row in rows])


@pytest.mark.parametrize(("image_scale", "text_scale"), [(1.5, 7.5), (1.0, 3.0), (0.0, 1.0)])
def test_guidance_of_edits_is_the_formula(image_scale: float, text_scale: float) -> None:
    nothing, picture, both = _logits(0), _logits(1), _logits(2)
    rows = zip(nothing.numpy(), picture.numpy(), both.numpy(), strict=True)
    _assert_rows(
        guide_edit(nothing, picture, both, image_scale, text_scale),
        [oracle.guided_edit(*row, image_scale, text_scale) for row in rows],
    )


@pytest.mark.parametrize("k", [1, 2, 7, _CODES])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.6, 1.0])
def test_contrast_is_the_formula(k: int, alpha: float) -> None:
    expert, amateur = _logits(0), _logits(1)
    rows = zip(expert.numpy(), amateur.numpy(), strict=True)
    _assert_rows(
        contrast(expert, amateur, k=k, alpha=alpha),
        [oracle.contrasted(*row, k, alpha) for row in rows],
    )


def test_contrast_at_its_ends() -> None:
    expert, amateur = _logits(0), _logits(1)

    def kept(k: int, alpha: float) -> list[int]:
        scores = contrast(expert, amateur, k=k, alpha=alpha)
        return (scores > float("-inf")).sum(dim=1).tolist()

    # alpha = 0 keeps all, alpha = 1 the k likeliest, and with k = 1 the likeliest alone.
    assert kept(1, 0.0) == kept(7, 0.0) == [_CODES] * 6
    assert kept(7, 1.0) == [7] * 6
    assert kept(1, 1.0) == [1] * 6
    assert kept(1000, 1.0) == [_CODES] * 6
    likeliest = contrast(expert, amateur, k=1, alpha=1.0).argmax(dim=1)
    assert torch.equal(likeliest, expert.argmax(dim=1))
    # In float32 too, where a bar that was rounded up would exclude the code that sets it.
    single = contrast(expert.float(), amateur.float(), k=7, alpha=1.0)
    assert (single > float("-inf")).sum(dim=1).tolist() == [7] * 6


@pytest.mark.parametrize("p", [1e-6, 0.3, 0.5, 0.9, 0.999])
def test_top_p_is_the_nucleus_and_that_of_transformers(p: float) -> None:
    logits = _logits(3, rows=20)
    kept = keep_top_p(logits, p)
    for row, own in zip(logits.numpy(), kept.numpy(), strict=True):
        assert set(np.flatnonzero(own > -np.inf)) == oracle.nucleus(row, p)
    assert torch.equal(kept, TopPLogitsWarper(p)(_NO_IDS, logits))


@pytest.mark.parametrize("k", [1, 5, _CODES, 1000])
def test_top_k_is_that_of_transformers(k: int) -> None:
    logits = _logits(4, rows=20)
    assert torch.equal(keep_top_k(logits, k), TopKLogitsWarper(k)(_NO_IDS, logits))


def test_top_p_goes_on_from_top_k() -> None:
    logits = _logits(5, rows=20)
    expected = TopPLogitsWarper(0.8)(_NO_IDS, TopKLogitsWarper(5)(_NO_IDS, logits))
    assert torch.equal(keep_top_p(keep_top_k(logits, 5), 0.8), expected)


# Chi-square with so many degrees of freedom is above this once in ten thousand times.
_CHI_SQUARE_BOUNDS = {2: 18.42, 3: 21.11, 4: 23.51, 5: 25.74, 6: 27.86, 7: 29.88}


@pytest.mark.parametrize(
    "settings",
    [
        ImageSettings(temperature=0.7, top_k=5),
        ImageSettings(temperature=1.5, top_p=0.8),
        ImageSettings(guidance=3.0, top_k=6, top_p=0.95),
        ImageSettings(contrast=ContrastSettings(k=3, alpha=0.5)),
    ],
    ids=["top-k", "top-p", "guided", "contrasted"],
)
def test_sampled_frequencies_follow_the_filtered_distribution(settings: ImageSettings) -> None:
    request = np.array([2.0, 1.5, 1.0, 0.5, 0.0, -0.5, -1.0, -8.0])
    nothing = np.array([1.0, 1.5, 0.0, 0.5, 1.0, 0.5, -1.0, -2.0])
    if settings.contrast:
        chosen = settings.contrast
        scores = oracle.contrasted(request, nothing, chosen.k, chosen.alpha)
    else:
        scores = oracle.guided(nothing, request, settings.guidance) / settings.temperature
        if settings.top_k:
            scores[np.argsort(-scores)[settings.top_k :]] = -np.inf
        scores[[code not in oracle.nucleus(scores, settings.top_p) for code in range(8)]] = -np.inf
    draws = 20_000
    branches = branches_for(settings, pictures=False)
    given = torch.tensor(np.stack([request, nothing][: len(branches)])).float()
    everywhere = torch.full((draws,), settings.contrast is not None)
    chooser = CodeChooser(settings, branches, range(draws), everywhere, steps=1)
    codes = chooser.choose(given.unsqueeze(1).expand(-1, draws, -1))
    counts = np.bincount(codes.numpy(), minlength=8)
    expected = oracle.probabilities(scores) * draws
    possible = expected > 0
    assert 3 <= possible.sum() < 8
    assert counts[~possible].sum() == 0
    chi_square = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    assert chi_square < _CHI_SQUARE_BOUNDS[int(possible.sum()) - 1]


def test_every_second_sample_may_be_contrasted() -> None:
    settings = ImageSettings(
        temperature=0.0, guidance=3.0, contrast=ContrastSettings(k=2, alpha=1.0, half=True)
    )
    logits = torch.stack([_logits(0, rows=4), _logits(1, rows=4)]).float()
    branches = branches_for(settings, pictures=False)
    rows = torch.tensor([False, True, False, True])
    codes = CodeChooser(settings, branches, range(4), rows, steps=1).choose(logits)
    for row, code in enumerate(codes.tolist()):
        request, nothing = logits[:, row].double().numpy()
        scores = (
            oracle.contrasted(request, nothing, 2, 1.0)
            if row % 2
            else oracle.guided(nothing, request, 3.0)
        )
        assert code == scores.argmax()


@pytest.mark.parametrize(
    ("settings", "drawing", "editing"),
    [
        (ImageSettings(), "request", "request"),
        (ImageSettings(guidance=3), "request nothing", "request pictures"),
        (ImageSettings(guidance=7.5, image_guidance=1.5), None, "request pictures nothing"),
        (ImageSettings(guidance=3, image_guidance=3), None, "request nothing"),
        (ImageSettings(guidance=3, image_guidance=1), None, "request pictures"),
        (
            ImageSettings(contrast=ContrastSettings(k=1, alpha=0.5)),
            "request nothing",
            "request pictures",
        ),
        (
            ImageSettings(
                guidance=3,
                image_guidance=3,
                contrast=ContrastSettings(k=1, alpha=0.5, half=True),
            ),
            None,
            "request pictures nothing",
        ),
    ],
)
def test_branches_without_weight_are_not_run(
    settings: ImageSettings, drawing: str | None, editing: str
) -> None:
    if drawing:
        assert branches_for(settings, pictures=False) == tuple(map(Branch, drawing.split()))
    branches = branches_for(settings, pictures=True)
    assert branches == tuple(map(Branch, editing.split()))
    # What is left out changes nothing.
    logits = {branch: _logits(number).float() for number, branch in enumerate(Branch)}
    chosen = settings.contrast
    contrasted = torch.full((6,), chosen is not None and not chosen.half)
    given = torch.stack([logits[branch] for branch in branches])
    chooser = CodeChooser(settings, branches, range(6), contrasted, steps=1)
    expected = []
    for row in range(6):
        one = {branch: logits[branch][row].double().numpy() for branch in Branch}
        if chosen is not None and not chosen.half:
            scores = oracle.contrasted(
                one[Branch.REQUEST], one[Branch.PICTURES], chosen.k, chosen.alpha
            )
        else:
            scores = oracle.guided_edit(
                one[Branch.NOTHING],
                one[Branch.PICTURES],
                one[Branch.REQUEST],
                settings.image_guidance or 1.0,
                settings.guidance,
            )
        expected.append(oracle.probabilities(scores))
    scores = chooser.scores(given).double().softmax(dim=-1).numpy()
    np.testing.assert_allclose(scores, np.stack(expected), atol=1e-5)


def test_samples_have_seeds_of_their_own() -> None:
    seeds = [seed for request in range(50) for seed in sample_seeds(request, 8)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert sample_seeds(7, 8)[:3] == sample_seeds(7, 3)
    # Kept for good: pictures are to be the same after an update.
    assert sample_seeds(2**63 - 1, 2) == [278922356540835071, 656986450813952294]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"guidance": float("inf")}, "guidance"),
        ({"image_guidance": -1.0}, "image_guidance"),
        ({"top_k": -1}, "top_k"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        ImageSettings(**wrong)  # type: ignore[arg-type]


def test_contradictory_settings_are_refused() -> None:
    chosen = ContrastSettings(k=2, alpha=0.5)
    for other in ({"guidance": 3.0}, {"top_k": 5}, {"top_p": 0.9}, {"image_guidance": 1.5}):
        with pytest.raises(UsageError, match="takes the place"):
            ImageSettings(contrast=chosen, **other)
    with pytest.raises(UsageError, match="k of contrastive"):
        ContrastSettings(k=0, alpha=0.5)
    with pytest.raises(UsageError, match="alpha of contrastive"):
        ContrastSettings(k=1, alpha=1.1)
