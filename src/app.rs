//! The composition root: the one place, with the menus, that knows names.
