// Asks veraPDF whether each file is PDF/A-3a and PDF/UA-1; ends with `N passed, N failed`.

import java.io.File;
import java.util.List;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

public class Judge {
  public static void main(String[] files) throws Exception {
    VeraGreenfieldFoundryProvider.initialise();
    int passed = 0;
    int failed = 0;
    for (String file : files) {
      for (String flavour : List.of("3a", "ua1")) {
        if (judge(file, PDFAFlavour.fromString(flavour))) passed++;
        else failed++;
      }
    }
    System.out.println(passed + " passed, " + failed + " failed");
    System.exit(failed == 0 && passed > 0 ? 0 : 1);
  }

  private static boolean judge(String file, PDFAFlavour flavour) throws Exception {
    try (PDFAParser parser = Foundries.defaultInstance().createParser(new File(file), flavour);
        PDFAValidator validator = Foundries.defaultInstance().createValidator(flavour, false)) {
      ValidationResult result = validator.validate(parser);
      System.out.println(file + ", " + flavour + ": " + (result.isCompliant() ? "yes" : "no") + ", " + result.getTotalAssertions() + " checks");
      for (TestAssertion broken : result.getTestAssertions()) {
        if (broken.getStatus() == TestAssertion.Status.FAILED) {
          System.out.println("  clause " + broken.getRuleId().getClause() + ": " + broken.getMessage());
        }
      }
      // A parser that found nothing to check has not judged.
      return result.isCompliant() && result.getTotalAssertions() > 1000;
    }
  }
}
