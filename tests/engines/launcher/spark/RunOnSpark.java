package engines;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.apache.beam.model.pipeline.v1.RunnerApi;
import org.apache.beam.runners.fnexecution.provisioning.JobInfo;
import org.apache.beam.runners.spark.SparkPipelineOptions;
import org.apache.beam.runners.spark.metrics.MetricsAccumulator;
import org.apache.beam.runners.spark.translation.SparkBatchPortablePipelineTranslator;
import org.apache.beam.runners.spark.translation.SparkContextFactory;
import org.apache.beam.runners.spark.translation.SparkTranslationContext;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.metrics.MetricsEnvironment;
import org.apache.beam.sdk.util.construction.PipelineOptionsTranslation;
import org.apache.beam.sdk.util.construction.graph.ExecutableStage;
import org.apache.beam.sdk.util.construction.graph.GreedyPipelineFuser;
import org.apache.beam.sdk.util.construction.graph.ProtoOverrides;
import org.apache.beam.sdk.util.construction.graph.SplittableParDoExpander;
import org.apache.beam.sdk.util.construction.graph.TrivialNativeTransformExpander;
import org.apache.beam.vendor.grpc.v1p69p0.com.google.protobuf.Struct;
import org.apache.beam.vendor.grpc.v1p69p0.com.google.protobuf.util.JsonFormat;
import org.apache.spark.api.java.JavaSparkContext;

/** Runs the batch pipeline that spark_job_server.py put into this jar, by Beam's Spark runner. */
public final class RunOnSpark {
  private static final String FOLDER = "BEAM-PIPELINE/pipeline/";
  private static final String PAR_DO = "beam:transform:pardo:v1";

  public static void main(String[] args) throws Exception {
    RunnerApi.Pipeline.Builder pipeline = RunnerApi.Pipeline.newBuilder();
    JsonFormat.parser().ignoringUnknownFields().merge(resource("pipeline.json"), pipeline);
    Struct.Builder given = Struct.newBuilder();
    JsonFormat.parser().merge(resource("pipeline-options.json"), given);

    SparkPipelineOptions options =
        PipelineOptionsTranslation.fromProto(given.build()).as(SparkPipelineOptions.class);
    // The name of a Python runner means no class here.
    options.setRunner(null);
    options.setAppName(options.getJobName());
    FileSystems.setDefaultPipelineOptions(options);

    try (JavaSparkContext context = SparkContextFactory.getSparkContext(options)) {
      MetricsEnvironment.setMetricsSupported(false);
      MetricsAccumulator.init(options, context);
      run(pipeline.build(), options, context);
    }
  }

  private static void run(
      RunnerApi.Pipeline pipeline, SparkPipelineOptions options, JavaSparkContext context) {
    String name = options.getJobName();
    JobInfo job = JobInfo.create(name, name, "", PipelineOptionsTranslation.toProto(options));
    SparkBatchPortablePipelineTranslator translator = new SparkBatchPortablePipelineTranslator();
    SparkTranslationContext translation = translator.createTranslationContext(context, options, job);
    translator.translate(fused(pipeline, translator), translation);
    translation.computeOutputs();
  }

  private static RunnerApi.Pipeline fused(
      RunnerApi.Pipeline pipeline, SparkBatchPortablePipelineTranslator translator) {
    // Spark does not split a bundle while it runs, so what can be split is split before.
    RunnerApi.Pipeline split =
        ProtoOverrides.updateTransform(
            PAR_DO, pipeline, SplittableParDoExpander.createSizedReplacement());
    RunnerApi.Pipeline known =
        TrivialNativeTransformExpander.forKnownUrns(split, translator.knownUrns());
    boolean done =
        known.getComponents().getTransformsMap().values().stream()
            .anyMatch(transform -> ExecutableStage.URN.equals(transform.getSpec().getUrn()));
    return done ? known : GreedyPipelineFuser.fuse(known).toPipeline();
  }

  private static String resource(String name) throws IOException {
    ClassLoader loader = RunOnSpark.class.getClassLoader();
    try (InputStream stream = loader.getResourceAsStream(FOLDER + name)) {
      if (stream == null) {
        throw new FileNotFoundException("the jar has no " + FOLDER + name);
      }
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
