//! Each kind takes what is right and names what is not.
