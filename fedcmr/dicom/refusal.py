"""Why a DICOM object or a group of them was not used: closed codes, each with its sentence."""

from fedcmr.errors import DataError

REASONS = {
    # one file
    "not_dicom": "not a DICOM file: no preamble with DICM",
    "appledouble": "a macOS resource file (._*), not an image",
    "lfs_pointer": "a Git LFS pointer: the image itself was never downloaded",
    "media_directory": "a DICOMDIR; the files that it lists are read by themselves",
    "unreadable": "the DICOM header is damaged",
    "no_sop_class": "the header does not say what kind of object this is",
    "no_transfer_syntax": "the file meta information lacks the transfer syntax",
    "unknown_transfer_syntax": "the pixels are encoded in a way that this version cannot decode",
    "not_mr_image": "not an MR image object (CT, SR, raw data, secondary capture or other)",
    "no_identity": "no PatientID or no StudyInstanceUID",
    "no_pixels": "no pixel data",
    "truncated_pixels": "the pixel data end early",
    "undecodable_pixels": "the compressed pixel data are damaged",
    "rescale_too_large": "the rescale slope or intercept is damaged: beyond 1e9",
    "unsupported_pixels": "not single-channel MONOCHROME2 pixels of 8 or 16 bits",
    "blank": "the images are blank",
    "no_geometry": "position, orientation or pixel spacing is missing or invalid",
    "mosaic": "a mosaic: many slices tiled into one image",
    "multiframe_classic": "many frames in a classic MR object: they have no positions of their own",
    "duplicate_file": "the same object is in the export more than once; one copy is used",
    "segmentation": "a DICOM segmentation; only a data set of slices takes masks",
    # frames of one acquisition
    "phase_image": "a phase, velocity or real-part image, not magnitude",
    "second_echo": "a further echo of an acquisition whose first echo is used",
    "lge": "late gadolinium enhancement; this data set holds cine",
    "no_trigger_time": "no cardiac times: a scout or another still image",
    "single_phase": "one image a position: not a cine",
    "few_phases": "too few cardiac phases for a cine",
    "not_cardiac_timing": "the times do not fit one heart beat",
    "not_short_axis": "a cine, but not in the short axis of the heart",
    "few_slices": "a short-axis cine with too few slices",
    "duplicate_frames": "two different frames for one position and time: a hidden dimension",
    "uneven_phases": "the slices have different numbers of phases",
    "incomplete_slice": "this slice lacks phases that the others have",
    "superseded_acquisition": "repeated at the same position; the last complete one is used",
    "copy": "a classic or Enhanced copy of an acquisition that is used",
    "other_cine": "another short-axis cine of this study has more slices or is later",
    # masks of late enhancement
    "no_mask": "a study without a mask; its slices are kept, unlabelled",
    "mask_unreadable": "the mask is damaged, or neither NIfTI nor a DICOM segmentation",
    "mask_labels": "the mask holds a value or a segment that is not in the table of labels",
    "mask_empty": "nothing is drawn in the mask",
    "mask_without_study": "a mask whose name or header fits no study with a usable cine",
    "mask_ambiguous": "more than one mask for a study, or a name that fits several studies",
    "mask_grid": "the mask does not lie on the pixels of the late enhancement",
    "no_lge": "a mask, but no short-axis late enhancement that it could lie on",
    "lge_other_frame": "the late enhancement is not in the frame of reference of the cine",
    "lge_other_plane": "the late enhancement is tilted against the cine, by a cosine below 0.9",
    "lge_too_far": "no slice of the late enhancement lies within 4 mm of one of the cine",
    # labels
    "label_without_study": "a line of the label file whose patient has no usable study here",
    "no_label": "a study whose patient is not in the label file; it is kept, unlabelled",
}


class RefusedError(DataError):
    """A DICOM object that cannot be used, with the code of the reason."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(REASONS[code])

    def __reduce__(self) -> tuple[type["RefusedError"], tuple[str]]:
        return RefusedError, (self.code,)
