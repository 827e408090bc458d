"""Networks: a registry, layers, and one file per family. They know no data sets."""

from fedcmr.models import c3d as c3d
from fedcmr.models import cnn_3d as cnn_3d
from fedcmr.models import cnn_lstm as cnn_lstm
from fedcmr.models import i3d as i3d
from fedcmr.models import mvo_r2plus1d_bert as mvo_r2plus1d_bert
from fedcmr.models import p3d as p3d
from fedcmr.models import slowfast as slowfast
from fedcmr.models import st_ran as st_ran
from fedcmr.models import stcnn_3d as stcnn_3d
from fedcmr.models import timesformer as timesformer
from fedcmr.models import vivit as vivit
