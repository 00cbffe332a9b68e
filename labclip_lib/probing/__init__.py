"""What a frozen embedding holds.

protocols: splits, control labels, chance and ceiling, to judge a probe's score
linear_probe: the linear probe, a scikit-learn estimator on any device
scene_probes: probes of scenes: which colour does this shape have?
reports: what the verb `probe` reports
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "protocols": (
            "Split bag_of_words_ceiling chance control_labels split_by_combination split_by_image split_by_object "
            "split_by_value"
        ),
        "linear_probe": "LinearProbe",
        "scene_probes": "ProbeResult probe_attribute_sets probe_attributes probe_swaps weight_cosine",
        "reports": "probe_backbone probe_tables",
    },
)
