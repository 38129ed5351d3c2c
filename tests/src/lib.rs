//! End-to-end tests: see the folder `tests` beside this one. Set `BLINDSIGHT_LONG=1` to classify
//! ten pictures instead of one.
