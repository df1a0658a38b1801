//! What the administrator wants: clients, boot files, menus and scripts.
