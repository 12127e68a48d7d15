"""What rows prove. Pure: no clock, no network and no file."""
