"""A network over its time steps, against the record of its whole runs."""

from __future__ import annotations

import numpy as np
import pytest

from spear_deploy.measure.course import in_order


def test_the_end_is_what_was_measured(deployed):
    """All steps together give the accuracy and the spikes that the activity record has."""
    course, activity, test = deployed.course, deployed.on_test.activity, deployed.data.test
    assert course.samples == len(test)
    assert course.points[-1] == test.samples.steps
    assert course.accuracy[1][-1] == pytest.approx(activity.accuracy)
    assert course.accuracy[0][-1] == pytest.approx(deployed.deployed.in_float.accuracy)
    widths = np.diff([0, *course.points])
    for each in course.populations:
        spikes = each.rates[1] @ widths * each.size
        assert spikes == pytest.approx(activity.spikes[each.name].mean())


def test_rasters_are_of_one_sample(deployed):
    """Where a population is shown whole, its marks are the spikes of that sample."""
    course, activity, test = deployed.course, deployed.on_test.activity, deployed.data.test
    position = test.indices.tolist().index(course.sample)
    for each in course.populations:
        assert each.neurons.tolist() == list(range(each.size))
        assert each.rasters.shape == (2, each.size, test.samples.steps)
        assert each.rasters[1].sum() == activity.spikes[each.name][position]


def test_order_of_execution(deployed):
    """Inputs first, whatever the names."""
    assert in_order(deployed.measured.network, deployed.measured.lowered) == ["input", "hidden1", "hidden2", "output"]
