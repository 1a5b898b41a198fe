// Content in every coding, made once by Python 3.11 (zlib) and the PyPI packages brotli and zstandard, so that what
// decodes was not encoded by the same code.

import Foundation

enum EncodedContent {
    /// The content of all of them: 40,000 lines.
    static let plain: [UInt8] = Array((0..<40_000).map { "line \($0 % 97)\n" }.joined().utf8)

    /// One gzip member.
    static let gzip = decode(
        """
        H4sIAAAAAAACA+3SMW6gMABFwT6n2CMEgzEcaIuVoty/jCIeN9hyql/5Cez5+vf998/nx9fvbM+MZ/ZnjmfmM+cz65nrmbvjb6bO
        VmirtJXaam3Ftmpbua3eqDfe76o36o16o96oN+qNeqPeXm+vt78/Wm+vt9fb6+319np7vaPeUe+od7w3V++od9Q76h31jnqz3qw3
        6816832KerPerDfrzXpnvbPeWe+sd9Y737etd9Y76531Vr1Vb9Vb9Va9VW+9WOqteqveVe+qd9W76l31rnpXvevVV++qd9e76931
        7np3vbveXY9++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef/v+u/wd3ZPVW3tEEAA==
        """)

    /// Two gzip members, half of the content each.
    static let gzipTwoMembers = decode(
        """
        H4sIAAAAAAACA+3SMW6gMABFwT6n2CMEgzEcaIuVoty/jCIe/R5gql/5Cez5+vf998/nx9fvbM+MZ/ZnjmfmM+cz65nrmbvjb6bO
        VmirtJXaam3Ftmpbua3eqDfe76o36o16o96oN+qNeqPeXm+vt78/Wm+vt9fb6+319np7vaPeUe+od7w3V++od9Q76h31jnqz3qw3
        6816832KerPerDfrzXpnvbPeWe+sd9Y737etd9Y76531Vr1Vb9Vb9Va9VW+9WOqteqveVe+qd9W76l31rnpXvevVV++qd9e76931
        7np3vbveXY9++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aef/v/X/wN6ZwOJ72gCAB+LCAAAAAAAAgPt0ruxFTEABUGfKAiBvfpuQBhUUeRvYjAvAPy2jqXZWqmf
        ++33rz8/vz/vv/38aJ/20452tqvd7WnrfeqNeqPeqDfqjXqj3qg36o16o96sN+vNerPerDfrzXqz3qw36616q96qt+qteqveqrfq
        rXqr3q636+16u96ut+vterverrfrnXqn3ql36p16p96pd+qdeqferXfr3Xq33q136916t96td+u99d56b7233lvvrffW69iXsh65
        t+lKu4l+oO+W6fhXps5T6Kn0lHpqPcWeag/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNP
        P/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNP
        P/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNP
        P/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNP
        P/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNP
        P/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNP
        P/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNP
        P/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNP
        P/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNP
        P/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//fTTTz/99NNP
        P/30008//fTTTz/99NNPP/30008//fTTTz/99NNPP/30008//f+n/y8WoF4v72gCAA==
        """)

    /// deflate as RFC 9110 wants it, with the zlib header.
    static let zlib = decode(
        """
        eNrt0jFuoDAARcE+p9gjBIMxHGiLlaLcv4wiHjfYcqpf+Qns+fr3/ffP58fX72zPjGf2Z45n5jPnM+uZ65m742+mzlZoq7SV2mpt
        xbZqW7mt3qg33u+qN+qNeqPeqDfqjXqj3l5vr7e/P1pvr7fX2+vt9fZ6e72j3lHvqHe8N1fvqHfUO+od9Y56s96sN+vNevN9inqz
        3qw36816Z72z3lnvrHfWO9+3rXfWO+ud9Va9VW/VW/VWvVVvvVjqrXqr3lXvqnfVu+pd9a56V73r1VfvqnfXu+vd9e56d7273l2P
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aef
        fvrpp59++umnn3766aeffvrpp59++umnn/7/rv8Hf7dpeg==
        """)

    /// deflate without the zlib header.
    static let rawDeflate = decode(
        """
        7dIxbqAwAEXBPqfYIwSDMRxoi5Wi3L+MIh432HKqX/kJ7Pn69/33z+fH1+9sz4xn9meOZ+Yz5zPrmeuZu+Nvps5WaKu0ldpqbcW2
        alu5rd6oN97vqjfqjXqj3qg36o16o95eb6+3vz9ab6+319vr7fX2enu9o95R76h3vDdX76h31DvqHfWOerPerDfrzXrzfYp6s96s
        N+vNeme9s95Z76x31jvft6131jvrnfVWvVVv1Vv1Vr1Vb71Y6q16q95V76p31bvqXfWuele969VX76p317vr3fXuene9u95dj376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn3766aeffvrpp59++umnn376
        6aeffvrpp59++umnn3766aeffvrpp5/+/67/Bw==
        """)

    /// br.
    static let brotli = decode(
        """
        W93RhEcRKl3Hht2W3AWosJM/2cEDlPdWSgqNPJ1ggY86LvH9R4gpl9q03Yt6IBKLGtuNH5BY1Nhu+oDEosZ28wckFjW2Wz4gsaix
        3foBiUWN7TYfkFjU2G77AYlFje12H5BYTn9MY4IB
        """)

    /// One zstd frame.
    static let zstd = decode(
        """
        KLUv/aDe0QQAtAMAAkcRD8C3Abb8ZxbZ3TslKyrODcCK7k4mnhXdHUw8K7o7l3hWdHcs8azo7lTiWdHdocSzorvzxLOiu+PEs6K7
        TTwrugsmiDJIYagQ6G4G4JVlDRJIcOnb////z//8AXk9SzC4rWn0xmuoBp1tTUVe8W1mcgF2ClQAAAABAP3/rf+5BgJFAAAAAQDb
        UR0AAQ==
        """)

    /// Two zstd frames, half of the content each.
    static let zstdTwoFrames = decode(
        """
        KLUv/aDvaAIAtAMAAkcRD8C3Abb8ZxbZ3TslKyrODcCK7k4mnhXdHUw8K7o7l3hWdHcs8azo7lTiWdHdocSzorvzxLOiu+PEs6K7
        TTwrugsmiDJIYagQ6G4G4JVlDRJIcOnb////z//8AXk9SzC4rWn0xmuoBp1tTUVe8W1mcgF2Ck0AAAABAOxo6/+ugSi1L/2g72gC
        AMwDALLGEA/AtwG2/GcW2d07JSsqzg1nRXeniWdFdycTz4ruDiaeFd2dSzwrujuWeFZ0dyrxrOjuUOJZ0d154lnR3XE2iDIIwAZh
        qDC2ewbAF4Y5ElDi7////2///AHrQjdFgO3SpUuXLnmanVDNmIxPhR1XPN9iNF3Z11JNAAAAAQDsaOv/roE=
        """)

    /// `Content-Encoding: gzip, br`.
    static let brotliOfGzip = decode(
        """
        G+oGAGVinA0MHQqFSrv+otuYXnSCPMspJ6ABBxa23D7/FvmJ+G5jIiqOoF3EShCAHgeB1efkzC4SQLQtGLwlQurIqGRJfc/jppSA
        Yd7mjkTZkSq7w+q2nvwc3mjTT6RJliR50jf1h6psVjavfmQNHAcmj87V36dm7C+khi2PPw8xn7UjzH9Zae/z0Gpk1uTipjBUxc2D
        Um22lJat9z77aIeK1phB2C+5/2izvHT2eYypPCo1VogPktbjIdqxomvuy+I4U9luDlwPyLoKc7se/D9eOvocoB0pulr9jzBPlAat
        K6+C3odqN6vKJ7OmtGh99TlCUen4G+yc2eOd8MKL4s2Bz2cQAA==
        """)

    /// The word "wide" in a zstd frame that asks for a window of 128 MiB.
    static let zstdWideWindow = decode(
        """
        KLUv/QCIIQAAd2lkZQ==
        """)

    private static func decode(_ base64: String) -> [UInt8] {
        guard let data = Data(base64Encoded: base64, options: .ignoreUnknownCharacters) else {
            preconditionFailure("a fixture is not base64")
        }
        return Array(data)
    }
}
