from __future__ import annotations

import pytest

pytestmark = pytest.mark.train


@pytest.mark.parametrize("held", [(3, 0, 40), (0, 0, 0)])
def test_one_picture_at_a_time_gives_the_same_assignment(held: tuple[int, ...]) -> None:
    from nanotally.trainer.offline import keep_offline

    keep_offline()
    import torch
    from ultralytics.utils.tal import TaskAlignedAssigner

    from nanotally.trainer.assigner import PictureByPicture

    torch.manual_seed(0)
    most, side = max(1, *held), 96
    steps = torch.arange(4, side, 8.0)
    points = torch.cartesian_prod(steps, steps)
    centres, sizes = torch.rand(len(held), most, 2) * side, torch.rand(len(held), most, 2) * 20 + 4
    real = torch.arange(most)[None, :, None] < torch.tensor(held)[:, None, None]
    truths = torch.cat([centres - sizes / 2, centres + sizes / 2], dim=2) * real
    spread = torch.rand(len(held), len(points), 4) * 12
    boxes = torch.cat([points - spread[..., :2], points + spread[..., 2:]], dim=2)
    given = (
        torch.rand(len(held), len(points), 2), boxes, points, torch.randint(0, 2, (len(held), most, 1)) * real,
        truths, real.float(),
    )  # fmt: skip
    dense = TaskAlignedAssigner(topk=10, num_classes=2, alpha=0.5, beta=6.0, stride=[8, 16, 32])
    _, boxes_to_learn, scores_to_learn, any_to_learn, _ = dense(*given)
    _, *ours = PictureByPicture(dense)(*given)
    assert any_to_learn.any() == any(held)
    assert torch.equal(ours[2], any_to_learn)
    assert torch.allclose(ours[1], scores_to_learn)
    assert torch.equal(ours[0][any_to_learn], boxes_to_learn[any_to_learn])
