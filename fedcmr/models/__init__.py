"""Networks: a registry, layers, and one file per family. They know no data sets."""

from fedcmr.models import st_ran as st_ran
