"""What several tests share: fakes, histories in short notation, event files."""
