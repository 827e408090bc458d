from pathlib import Path

from fedcmr_client.settings import SiteSettings

from fedcmr.settings import load_settings

EXAMPLE = Path(__file__).parents[2] / "configs" / "sites" / "example.yaml"


def test_the_example_shows_every_setting_of_a_site() -> None:
    settings = load_settings(EXAMPLE, SiteSettings)
    assert settings.model_fields_set == set(SiteSettings.model_fields)
