//! The initiator into WinPE.
