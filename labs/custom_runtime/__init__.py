"""What happens when a custom runtime has no loop."""
