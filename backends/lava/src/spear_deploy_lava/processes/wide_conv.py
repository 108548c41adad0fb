"""A convolution whose geometry needs more than 8 bits."""

import numpy as np
import numpy.typing as npt
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.conv import utils
from lava.proc.conv.models import AbstractPyConvModel
from lava.proc.conv.process import Conv

_Integers = npt.NDArray[np.int32]


class WideConv(Conv):
    """Lava's Conv, whose model keeps the geometry in int8: 128 groups become -128, and it computes nothing."""


@implements(proc=WideConv, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyWideConv(AbstractPyConvModel):
    """Lava's fixed-point model of Conv with the geometry in int32."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    a_buf: _Integers = LavaPyType(np.ndarray, np.int32, precision=24)
    weight: _Integers = LavaPyType(np.ndarray, np.int32, precision=8)
    kernel_size: _Integers = LavaPyType(np.ndarray, np.int32)
    stride: _Integers = LavaPyType(np.ndarray, np.int32)
    padding: _Integers = LavaPyType(np.ndarray, np.int32)
    dilation: _Integers = LavaPyType(np.ndarray, np.int32)
    groups: _Integers = LavaPyType(np.ndarray, np.int32)

    def clamp_precision(self, x: _Integers) -> _Integers:
        """Wrap to 24 bits, as Lava's model does."""
        clamped: _Integers = utils.signed_clamp(x, bits=24)
        return clamped
