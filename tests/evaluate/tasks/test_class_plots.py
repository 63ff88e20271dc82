from firelib.evaluate.tasks.class_plots import find_image_feature
from firelib.recipe import Feature

IMAGE = Feature("image", "uint8", shape=(28, 28))
COLOR_IMAGE = Feature("photo", "uint8", shape=(8, 8, 3))


def test_only_a_single_image_is_drawn():
    number = Feature("x", "float32")
    assert find_image_feature([number, IMAGE]) == IMAGE
    assert find_image_feature([COLOR_IMAGE]) == COLOR_IMAGE
    assert find_image_feature([IMAGE, COLOR_IMAGE]) is None
    assert find_image_feature([number, Feature("w", "uint8", shape=(4,))]) is None


def test_optional_image_is_not_drawn():
    assert find_image_feature([Feature("image", "uint8", shape=(28, 28), optional=True)]) is None
